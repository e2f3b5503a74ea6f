"""Why a dead letter cannot be shown, asked anew, or deleted.

LetterError
├── NoSuchLetter     no letter has that id, or not any more
├── NotRenewable     no command can be made of it, or it would be refused again
├── SharedReadModel  its redrive would empty a read model, which is all tenants'
├── TooManyLetters   more than are redriven, or looked through, at once
└── OthersLetters    letters of other tenants would be deleted, too
"""


class LetterError(Exception):
    """A dead letter cannot be shown, asked anew, or deleted."""

    code = "LETTER"


class NoSuchLetter(LetterError):
    """No letter has that id, or not any more."""

    code = "NO_SUCH_LETTER"

    def __init__(self, number: int, there: tuple[int, int] | None) -> None:
        """`there`: the first id and the end of all; None: nothing is told, for not all are the tenant's who asks."""
        if there is None:
            cure = "`platformDeadLetters` shows those of your tenant"
        elif there[0] < there[1]:
            cure = (
                f"ids of those that are there: {there[0]} to {there[1] - 1}. See `tidelock dead-letter list`"
            )
        else:
            cure = "there are none"
        super().__init__(f"There is no dead letter {number}; {cure}.")
        self.number = number


class NotRenewable(LetterError):
    """No command can be made of this letter."""

    code = "NOT_RENEWABLE"

    def __init__(self, number: int, why: str) -> None:
        super().__init__(f"Dead letter {number} cannot be asked anew: {why}")


class SharedReadModel(LetterError):
    """It is redriven by a rebuild of a read model, which holds the rows of all tenants."""

    code = "SHARED_READ_MODEL"

    def __init__(self, number: int, read_model: str) -> None:
        super().__init__(
            f"Dead letter {number} is redriven by a rebuild of {read_model}, and all tenants would find less in it "
            "until that is done. It takes the role PLATFORM: show the token that the API knows as "
            "TIDELOCK_OPERATOR_TOKEN, or ask who runs the platform (`tidelock dead-letter redrive "
            f"{number}`; without a gap: `tidelock projection build {read_model}@N`, then `promote`)."
        )
        self.number, self.read_model = number, read_model


class TooManyLetters(LetterError):
    """More than are redriven, or looked through, at once."""

    code = "TOO_MANY_LETTERS"


class OthersLetters(LetterError):
    """Letters of other tenants would be deleted, too."""

    code = "LETTERS_OF_OTHERS"

    def __init__(self, through: int, own: int | None) -> None:
        """`own`: the last letter before which all is the tenant's; None: there is none."""
        less = (
            "None of your tenant's can be purged alone" if own is None else f"Purge through {own} at the most"
        )
        super().__init__(
            f"A purge through {through} would delete letters that are not your tenant's, or of which this release "
            f"cannot tell whose they are. {less}; or ask who runs the platform (`tidelock dead-letter purge`)."
        )
        self.through, self.own = through, own
