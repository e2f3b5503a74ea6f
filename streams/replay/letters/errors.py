"""Why a dead letter cannot be shown, asked anew, or deleted.

LetterError
├── NoSuchLetter     no letter has that id, or not any more
├── NotRenewable     no command can be made of it, or it would be refused again
├── TooManyLetters   more than are redriven, or looked through, at once
└── OthersLetters    letters of other tenants would be deleted, too
"""


class LetterError(Exception):
    """A dead letter cannot be shown, asked anew, or deleted."""

    code = "LETTER"


class NoSuchLetter(LetterError):
    """No letter has that id, or not any more."""

    code = "NO_SUCH_LETTER"

    def __init__(self, number: int, first: int, end: int) -> None:
        there = f"ids of those that are there: {first} to {end - 1}" if first < end else "there are none"
        super().__init__(f"There is no dead letter {number}; {there}. See `tidelock dead-letter list`.")
        self.number = number


class NotRenewable(LetterError):
    """No command can be made of this letter."""

    code = "NOT_RENEWABLE"

    def __init__(self, number: int, why: str) -> None:
        super().__init__(f"Dead letter {number} cannot be asked anew: {why}")


class TooManyLetters(LetterError):
    """More than are redriven, or looked through, at once."""

    code = "TOO_MANY_LETTERS"


class OthersLetters(LetterError):
    """Letters of other tenants would be deleted, too."""

    code = "LETTERS_OF_OTHERS"

    def __init__(self, number: int, why: str) -> None:
        super().__init__(
            f"A purge would delete record {number}, too: {why}. Purge through {number - 1} at the most, or ask who "
            "runs the platform (`tidelock dead-letter purge`)."
        )
