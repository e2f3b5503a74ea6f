"""How read models are shown: a build a row, or a partition a row."""

from collections.abc import Sequence
from itertools import groupby

from tidelock.cli import show
from tidelock.cli.projection_rebuild import Standing

BUILDS = ("projection", "live", "partitions", "lag", "lag s", "tables")
PARTITIONS = ("projection", "live", "partition", "position", "lag", "lag s")
_NUMBERS = frozenset({"partitions", "lag", "lag s"})


def builds(found: Sequence[Standing]) -> None:
    """Print a row for each build; its lag is that of all its partitions, in seconds that of the oldest."""
    table = show.table(None, *BUILDS, right=_NUMBERS)
    for name, of_one in groupby(found, key=_named):
        parts = list(of_one)
        lag, lag_s = sum(one.lag for one in parts), max(one.lag_s for one in parts)
        table.add_row(
            name, _live(parts[0]), str(len(parts)), show.number(lag), _seconds(lag, lag_s),
            ", ".join(parts[0].tables),
        )  # fmt: skip
    show.out.print(table)


def partitions(found: Sequence[Standing]) -> None:
    """Print a row for each partition of each build."""
    table = show.table(None, *PARTITIONS, right=_NUMBERS)
    for one in found:
        table.add_row(
            _named(one), _live(one), one.partition, one.position or "-", show.number(one.lag),
            _seconds(one.lag, one.lag_s),
        )  # fmt: skip
    show.out.print(table)


def other_versions(found: Sequence[Standing]) -> None:
    """Say which read models are live in another version than this release's."""
    for one in {each.projection: each for each in found if each.live}.values():
        if one.version != one.own_version:
            show.say(another_version(one, [each for each in found if each.projection == one.projection]))


def another_version(live: Standing, builds: Sequence[Standing]) -> str:
    """Return what is said of a read model that is live in another version than this release's."""
    told = f"{live.projection}@{live.build} is live in version {live.version}, and this release has version "
    told += f"{live.own_version}: projectors of version {live.version} alone keep it up to date."
    if live.version > live.own_version:
        return told
    free = max(one.build for one in builds) + 1
    number = next((one.build for one in builds if one.version == one.own_version), free)
    return f"{told} Next: `tidelock projection build {live.projection}@{number}`, and promote that."


def _named(one: Standing) -> str:
    return f"{one.projection}@{one.build} v{one.version}"


def _live(one: Standing) -> str:
    return "yes" if one.live else "-"


def _seconds(lag: int, lag_s: float) -> str:
    return f"{lag_s:.1f}" if lag else "-"
