"""What a projector says once of read models that it does not keep up to date, as their builds are of other versions."""

from collections.abc import Mapping, Sequence

import structlog

from streams.projections.builds import Build, live_of
from streams.projections.projection import Projection

_log = structlog.get_logger("tidelock.projector")


class Remarks:
    """Says what is new of it, and nothing twice."""

    def __init__(self, *, beside: bool) -> None:
        self._beside = beside
        self._said: dict[str, str | None] = {}

    def found(self, projection: Projection, builds: Sequence[Build]) -> None:
        """These builds there are."""
        said = _to_build(projection, builds) if self._beside else _stands_still(projection, builds)
        if said is not None and said != self._said.get(projection.name):
            event = "a build is waited for" if self._beside else "what is live stands still here"
            _log.error(event, projection=projection.name, why=said)
        self._said[projection.name] = said

    def kept(self, builds: Mapping[str, Sequence[Build]]) -> None:
        """These are kept up to date here."""
        if self._beside and "" not in self._said and not any([*builds.values(), *self._said.values()]):
            self._said[""] = None
            _log.error(
                "nothing is kept here: this release raises the version of no read model that is stored. End this "
                "projector, or start it without TIDELOCK_PROJECTOR_BESIDE"
            )


def _stands_still(projection: Projection, builds: Sequence[Build]) -> str | None:
    """Return what is said by a projector in the group of all, of partitions that another release gave up."""
    live, own = live_of(builds), projection.version
    if live.version == own:
        return None
    told = f"{live.label} is of version {live.version}, this release has version {own}: what is live in the partitions "
    told += "of this projector gets nothing new, and is read on as it is. "
    if live.version > own:
        return told + "Run the later release."
    return told + (
        "Have projectors of the release before go on, and start those of this one with TIDELOCK_PROJECTOR_BESIDE=1 "
        "until its build is promoted: `tidelock projection build "
        f"{projection.name}@{_number(projection, builds)}`, then `promote`."
    )


def _to_build(projection: Projection, builds: Sequence[Build]) -> str | None:
    """Return what is said by a projector beside."""
    versions = [build.version for build in builds]
    if projection.version in versions or min(versions) > projection.version:
        return None
    return (
        f"{live_of(builds).label} is of version {live_of(builds).version}, this release has version "
        f"{projection.version}, and no build of that is begun: `tidelock projection build "
        f"{projection.name}@{_number(projection, builds)}`, then `promote`."
    )


def _number(projection: Projection, builds: Sequence[Build]) -> int:
    """Return the build of this release's version, or the next that is free."""
    own = [build.number for build in builds if build.version == projection.version]
    return own[0] if own else max(build.number for build in builds) + 1
