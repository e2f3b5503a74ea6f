"""What may be wrong with builds of a read model (`streams.projections.builds`). A build is named `name@number`.

Errors:
    BuildError
    ├── NoSuchBuild         it was never begun, or is retired
    ├── BuildIsLive         that cannot be done to what everybody reads
    ├── BuildBehind         it lacks too many records to take the live one's place
    ├── BuildDiffers        its rows are not those of the live one
    ├── BuildOutdated       its tables are of before a migration, or its rows of another version
    ├── TablesUnfit         rows of this release do not fit tables like the live ones
    ├── BuildsBusy          another operator is at it
    ├── BuildsChanged       one of the two was promoted or retired while they were compared
    ├── BuildsNeverMet      the two were not at one position for long enough to be compared
    ├── TooManyBuilds       some have to be retired first
    ├── NothingToRollBackTo no build stood there before
    └── NotBuiltBeside      what is kept in a table has one build
"""

from collections.abc import Sequence

from streams.projections.ports import SinkError


class BuildError(SinkError):
    """A build of a read model is not what it should be for that."""

    code = "BUILD_ERROR"


class NoSuchBuild(BuildError):
    """It was never begun, or is retired."""

    code = "NO_SUCH_BUILD"

    def __init__(self, projection: str, number: int, known: Sequence[int]) -> None:
        there = ", ".join(f"{projection}@{each}" for each in known)
        super().__init__(
            f"There is no build {projection}@{number}, but {there}. To begin it: `tidelock projection build "
            f"{projection}@{number}`."
        )
        self.projection, self.number = projection, number


class BuildIsLive(BuildError):
    """It is what everybody reads."""

    code = "BUILD_IS_LIVE"

    def __init__(self, projection: str, number: int, free: int) -> None:
        super().__init__(
            f"{projection}@{number} is live. To build anew beside it: `tidelock projection build {projection}@{free}`; "
            "another one is live once it is promoted."
        )
        self.projection, self.number = projection, number


class BuildBehind(BuildError):
    """It lacks records that the live one has."""

    code = "BUILD_BEHIND"

    def __init__(self, projection: str, number: int, records: int) -> None:
        super().__init__(
            f"{projection}@{number} lacks {records} records that the live build has. Wait until it has caught up: "
            f"`tidelock projection build {projection}@{number}` watches it, and says if nobody builds. A build of "
            "another release is brought on by projectors of that alone."
        )
        self.projection, self.number, self.records = projection, number, records


class BuildDiffers(BuildError):
    """Its rows are not those of the live one."""

    code = "BUILD_DIFFERS"

    def __init__(self, projection: str, number: int, rows: int) -> None:
        super().__init__(
            f"{rows} rows of {projection}@{number} are not those of the live build: `tidelock projection diff "
            f"{projection}@{number}` shows them. If that is what you want, because the fold was mended: --force."
        )
        self.projection, self.number, self.rows = projection, number, rows


class BuildOutdated(BuildError):
    """It does not fit this release."""

    code = "BUILD_OUTDATED"

    def __init__(self, build: str, why: str) -> None:
        super().__init__(
            f"{build} {why}. Use the release that it is of; or `tidelock projection retire {build}`, and build anew."
        )
        self.build = build


class TablesUnfit(BuildError):
    """Rows of this release do not fit into tables like the live ones."""

    code = "TABLES_UNFIT"

    def __init__(self, projection: str, live: int, own: int, wrong: Sequence[str]) -> None:
        super().__init__(
            f"{projection} is live in version {live}, and its tables do not take the rows of version {own}: "
            f"{'; '.join(wrong)}. Columns that a migration adds, which may be empty, do for both versions. For "
            "anything else end the projectors of the release before, apply the migrations of this one (its projectors "
            f"do when they start), and empty it: `tidelock projection rebuild {projection}`."
        )
        self.projection, self.live, self.own, self.wrong = projection, live, own, tuple(wrong)


class BuildsBusy(BuildError):
    """Somebody else builds, compares or promotes now; or readers did not let the tables go."""

    code = "BUILDS_BUSY"

    def __init__(self, projection: str, who: str) -> None:
        super().__init__(f"{projection}: {who}. Nothing was changed. Try again.")
        self.projection = projection


class BuildsChanged(BuildError):
    """One of the two that are compared was promoted, rolled back or retired meanwhile."""

    code = "BUILDS_CHANGED"

    def __init__(self, projection: str, number: int) -> None:
        super().__init__(
            f"{projection}@{number}, or what was live, was promoted, rolled back or retired while the two were "
            "compared, so nothing is told of them. See which there are (`tidelock projection list`), and compare again."
        )
        self.projection, self.number = projection, number


class BuildsNeverMet(BuildError):
    """They were at different positions whenever they were looked at."""

    code = "BUILDS_NEVER_MET"

    def __init__(self, projection: str, number: int, partition: int, within_s: float) -> None:
        super().__init__(
            f"{projection}@{number} and the live build were never at one position of partition {partition} within "
            f"{within_s:g} s. See `tidelock projection list`: if it catches up still, wait; if one of them does not "
            "move, mend that; under heavy load give it longer (--patience)."
        )
        self.projection, self.number, self.partition = projection, number, partition


class TooManyBuilds(BuildError):
    """As many as may be are there."""

    code = "TOO_MANY_BUILDS"

    def __init__(self, beside: Sequence[str]) -> None:
        retire = " or ".join(f"`tidelock projection retire {build}`" for build in beside)
        super().__init__(f"Besides the live build there are {' and '.join(beside)} already. First: {retire}.")


class NothingToRollBackTo(BuildError):
    """The live build replaced none that is still there."""

    code = "NOTHING_TO_ROLL_BACK_TO"

    def __init__(self, live: str) -> None:
        super().__init__(
            f"{live} took the place of no build that is still there: `tidelock projection list` shows which there are, "
            "and `tidelock projection promote` makes any of them live."
        )


class NotBuiltBeside(BuildError):
    """It is kept in a table, which has one build."""

    code = "NOT_BUILT_BESIDE"

    def __init__(self, projection: str) -> None:
        super().__init__(
            f"{projection} is kept in a table, in the memory of projectors: it has one build. To build it anew: "
            f"`tidelock projection rebuild {projection}`."
        )
