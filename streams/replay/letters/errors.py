"""Why a dead letter cannot be shown, or asked anew.

LetterError
├── NoSuchLetter    no letter has that id, or not any more
└── NotRenewable    no command can be made of it, or it would be refused again
"""


class LetterError(Exception):
    """A dead letter cannot be shown, or asked anew."""

    code = "LETTER"


class NoSuchLetter(LetterError):
    """No letter has that id, or not any more."""

    code = "NO_SUCH_LETTER"

    def __init__(self, number: int, first: int, end: int) -> None:
        there = f"ids of those that are there: {first} to {end - 1}" if first < end else "there are none"
        super().__init__(f"There is no dead letter {number}; {there}. See `tidelock dead-letter list`.")


class NotRenewable(LetterError):
    """No command can be made of this letter."""

    code = "NOT_RENEWABLE"

    def __init__(self, number: int, why: str) -> None:
        super().__init__(f"Dead letter {number} cannot be asked anew: {why}")
