"""What windows there are of a stream, what they compute, and how late is too late. Times in milliseconds."""

from math import gcd
from typing import Final, TypeAlias

from streams.domain.value import value
from streams.windows.combined import Aggregates
from streams.windows.errors import WrongWindows

EACH_TAKE: Final = 0
"""As `early_ms`: what changed is told with every take."""
_DAY_MS: Final = 86_400_000
_MAX_OVERLAP: Final = 1_000
SHARE: Final = 4
"""Who is alone gets four fifths of the room, and two who want all of it four ninths each: there is always some left for
who comes next. Choudhury and Hahne, Dynamic Queue Length Thresholds, IEEE/ACM Transactions on Networking 6 (1998)."""


@value
class Tumbling:
    """[0, size), [size, 2 size) and so on."""

    size_ms: int


@value
class Hopping:
    """A window of `size_ms` begins every `hop_ms`. Flink calls it sliding."""

    size_ms: int
    hop_ms: int


@value
class Sliding:
    """Kafka Streams' sliding windows: a window of every different set of events at most `size_ms` apart.

    For an event at t: [t - size, t], both ends in it, and [t + 1, t + 1 + size] if an event is in there.
    """

    size_ms: int


@value
class Session:
    """Events of a key that are at most `gap_ms` apart; it ends `gap_ms` behind its last one."""

    gap_ms: int


@value
class Global:
    """Every `every` events of a key in order of arrival; with `purge` each is a window, else the one window is told."""

    every: int
    purge: bool = True


Assigner: TypeAlias = Tumbling | Hopping | Sliding | Session | Global


@value
class Windows:
    """A definition. Raises `WrongWindows`."""

    assigner: Assigner
    aggregates: Aggregates
    out_of_order_ms: int = 0
    """The watermark is that far behind the latest event: what is later than its neighbours by no more is on time."""
    lateness_ms: int = 0
    """That long (of watermark) after its end a window still takes events, and is told anew."""
    ahead_ms: int = _DAY_MS
    """An event later than the log's clock by more is put aside and moves no watermark."""
    early_ms: int | None = None
    """Tell open windows that changed every so many milliseconds of watermark, or `EACH_TAKE`; None: never."""
    max_open: int = 100_000
    """Open windows (of hopping and sliding ones: slices). Beyond, new ones are counted under the key `OTHER`."""
    shared: bool = False
    """`max_open` is shared by the first part of the key, as a tenant's: who has more windows open than `SHARE` times as
    many as are free gets no more. Beyond, they are counted under (first part, `OTHER`, ...) as long as `max_other` of
    those are open, then under `OTHER` alone."""
    max_other: int = 1_000
    """Open windows of that key. Beyond, events are refused: put aside."""

    def __post_init__(self) -> None:
        for name in ("out_of_order_ms", "lateness_ms", "ahead_ms", "early_ms"):
            if (getattr(self, name) or 0) < 0:
                raise WrongWindows(f"{name}={getattr(self, name)}: a time of 0 ms or more.")
        if self.max_open < 1 or self.max_other < 1:
            raise WrongWindows("max_open and max_other: at least 1.")
        fault = _fault(self.assigner)
        if fault:
            raise WrongWindows(f"{self.assigner}: {fault}.")

    @property
    def shape(self) -> str:
        """What a stored state has to agree with."""
        return f"{self.assigner}: {self.aggregates!r}"


def _fault(assigner: Assigner) -> str | None:
    match assigner:
        case Tumbling(size) | Sliding(size) if size < 1:
            return "a size of at least 1 ms"
        case Hopping(size, hop) if not 1 <= hop <= size:
            return "a hop from 1 ms to the size: a longer one would leave events out"
        case Hopping(size, hop) if size // gcd(size, hop) > _MAX_OVERLAP:
            return (
                f"a window of more than {_MAX_OVERLAP} slices (size by greatest common divisor with the hop)"
            )
        case Session(gap) if gap < 1:
            return "a gap of at least 1 ms"
        case Global(every) if every < 1:
            return "every 1 event, or more"
        case _:
            return None
