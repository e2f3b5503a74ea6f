"""What windows refuse.

WindowError
├── WrongWindows          a definition that makes no sense
├── WrongState            a state that another definition wrote, or that is damaged
├── NotCombinable         windows whose partitions cannot be put together
└── NotCountable          a value that an aggregate cannot take; its event is put aside
"""


class WindowError(Exception):
    """Any error of windows."""

    code = "WINDOW_ERROR"


class WrongWindows(WindowError):
    """The definition makes no sense."""

    code = "WRONG_WINDOWS"


class WrongState(WindowError):
    """What is to be restored is not of this definition."""

    code = "WRONG_STATE"

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}. Raise the projection's version and build it anew from the log.")


class NotCombinable(WindowError):
    """Windows of these assigners are known to their own partition only."""

    code = "NOT_COMBINABLE"

    def __init__(self, assigner: object) -> None:
        super().__init__(
            f"{assigner}: its windows depend on all events of a key. Route each key to one partition, or use "
            "tumbling, hopping or session windows."
        )


class NotCountable(WindowError):
    """An aggregate cannot take this value."""

    code = "NOT_COUNTABLE"

    def __init__(self, value: object) -> None:
        super().__init__(
            f"{type(value).__name__} {str(value)[:64]!r} cannot be counted. Numbers are whole and below 2^63; what "
            "is distinct or frequent is str, bytes or int; frequent items are at most 256 characters long."
        )
        self.value = value
