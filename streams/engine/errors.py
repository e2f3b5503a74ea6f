"""Why an ownership ends.

OwnerError
├── Fenced             somebody else claimed, or a record of ours did not land where it had to
├── ForeignLog         the log is not the one the settings describe
├── ClockSkew          this machine's clock and the broker's disagree by more than 5 minutes
├── LogShrank          the log is shorter than it was
├── LogRewritten       the log holds another record than the one read, or acknowledged, before
└── CommandsMismatch   the commands topic is not the one the log was decided from
"""

from streams.log.positions import PartitionId


class OwnerError(Exception):
    """The ownership of a partition cannot go on."""

    code = "OWNER_ERROR"
    fatal = True
    """Whether it counts towards quarantine."""

    def __init__(self, where: PartitionId, message: str) -> None:
        super().__init__(f"{where}: {message}")
        self.where = where


class Fenced(OwnerError):
    """Somebody else wrote; read back and, if still assigned, claim again."""

    code = "FENCED"
    fatal = False


class ForeignLog(OwnerError):
    """The log is not the one the settings describe."""

    code = "FOREIGN_LOG"


class ClockSkew(OwnerError):
    """This machine's clock and the broker's disagree too much to decide; it may be set right any moment."""

    code = "CLOCK_SKEW"
    fatal = False

    def __init__(self, where: PartitionId, skew_ms: int) -> None:
        super().__init__(
            where,
            f"this machine's clock is {skew_ms / 1000:+.0f} s from the broker's. "
            + ("It looks ahead of time" if skew_ms > 0 else "It looks behind")
            + ", or the broker's is wrong; set them right (NTP) before this worker decides.",
        )
        self.skew_ms = skew_ms


class LogShrank(OwnerError):
    """The log is shorter than it was: acknowledged records are gone."""

    code = "LOG_SHRANK"


class LogRewritten(OwnerError):
    """The log was truncated and grew again: acknowledged records are gone."""

    code = "LOG_REWRITTEN"


class CommandsMismatch(OwnerError):
    """The commands topic is not the one the log was decided from."""

    code = "COMMANDS_MISMATCH"
