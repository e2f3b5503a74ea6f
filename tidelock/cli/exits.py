"""Exit codes, the same for every command, and the errors that carry one.

CliProblem
├── NothingToTalkTo   no stack is found, or a part of it does not answer
├── WrongUse          options that do not fit together
└── OutputLost        what was to be written could not be
"""

from typing import Final

from streams.log.ports import PortError
from streams.log.reader import LogHalt
from streams.projections.ports import SinkError, SinkUnavailable
from streams.replay import errors as replay_errors
from streams.replay.letters.errors import LetterError
from tidelock.client import errors as client_errors
from tidelock.local.errors import LocalStackError

OK: Final = 0
NO: Final = 1
"""The answer is no: the lock is busy, a proof failed, the stack did not start."""
USAGE: Final = 2
NOBODY: Final = 3
"""There is nothing to talk to."""
UNKNOWN: Final = 4
"""A command may have been executed or not."""
LOST: Final = 5
"""A lock was lost while it was held."""
BUG: Final = 70
"""Ours (EX_SOFTWARE of sysexits.h)."""

UNWRITTEN: Final = 74
"""Nobody got what was printed (EX_IOERR of sysexits.h)."""

HELP: Final = (
    "Exit codes: 0 done; 1 the answer is no (lock busy, proof failed, stack did not start); 2 wrong usage; "
    "3 nothing to talk to; 4 outcome unknown (it may have been executed or not); 5 a held lock was lost; "
    "70 a bug of ours; 74 the output cannot be written; 130 interrupted. `lock acquire -- COMMAND` ends with "
    "COMMAND's own."
)


class CliProblem(Exception):
    """Something to be told in one line: what, and the cure."""

    code = "CLI"
    exit_code = NO


class NothingToTalkTo(CliProblem):
    """No stack is found, or a part of it does not answer."""

    code = "NOTHING_TO_TALK_TO"
    exit_code = NOBODY


class WrongUse(CliProblem):
    """Options that do not fit together."""

    code = "USAGE"
    exit_code = USAGE


class OutputLost(CliProblem):
    """What was to be written could not be: the disk is full, or the output is gone."""

    code = "OUTPUT"
    exit_code = UNWRITTEN

    def __init__(self, error: OSError) -> None:
        super().__init__(
            f"The output cannot be written ({error.strerror or error}); what was asked may have been done all the "
            "same. Make room where it goes, or send it elsewhere."
        )


EXPECTED: Final = (
    CliProblem,
    client_errors.TidelockError,
    LocalStackError,
    PortError,
    LogHalt,
    SinkError,
    replay_errors.RewindError,
    LetterError,
)
"""Errors that are told in one line; anything else is a bug of ours."""

_CODES: Final[tuple[tuple[type[Exception], int], ...]] = (
    (client_errors.OutcomeUnknown, UNKNOWN),
    (client_errors.LockLost, LOST),
    (client_errors.BadArgument, USAGE),
    (client_errors.ConnectionLost, NOBODY),
    (client_errors.Unavailable, NOBODY),
    (PortError, NOBODY),
    (SinkUnavailable, NOBODY),
    (replay_errors.InTheFuture, USAGE),
    (replay_errors.BeyondTheEnd, USAGE),
    (replay_errors.OtherPartition, USAGE),
)


def exit_code_of(error: Exception) -> int:
    """Return the exit code that tells scripts what `error` means."""
    if isinstance(error, CliProblem):
        return error.exit_code
    return next((code for cls, code in _CODES if isinstance(error, cls)), NO)
