"""What the decisions on one resource say: those that are there in one go, then, if asked, each as it comes."""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

from streams.domain.value import value
from streams.log.vocabulary import Vocabulary
from streams.replay.history import decisions_on
from streams.replay.resource import KeyDecision, ResourceName
from streams.replay.rewind import home_of
from tidelock.cli import show
from tidelock.cli.exits import CliProblem, WrongUse
from tidelock.cli.topics import partitions_of, reader_of
from tidelock.cli.when import Calendar

T = TypeVar("T")


@value
class Span:
    """Which decisions are wanted: those from `since_ms` to `until_ms`, the latest `limit` of them."""

    since_ms: int
    until_ms: int | None
    limit: int
    follow: bool


def span_of(calendar: Calendar, since: str, until: str, limit: int, follow: bool) -> Span:
    """Return the span that the options name. Raises `WrongUse`, `InTheFuture`."""
    until_ms = calendar.time_ms(until) if until else None
    span = Span(calendar.time_ms(since) if since else 0, until_ms, limit, follow)
    if until_ms is not None and (follow or until_ms < span.since_ms):
        raise WrongUse("--until goes neither with --follow nor before --since. Leave one out, or swap them.")
    return span


class Telling(Generic[T]):
    """Makes of each decision what is to be told, and hands what is wanted of it to `say`, oldest first."""

    def __init__(
        self,
        span: Span,
        made: Callable[[KeyDecision], Iterable[T]],
        say: Callable[[T], None],
        *,
        json: bool,
        never: CliProblem | None = None,
    ) -> None:
        """`never`: raised if there was never anything to tell; None: that is fine."""
        self.span = span
        self._made, self._say, self._json, self._never = made, say, json, never
        self._kept: deque[T] | None = deque(maxlen=span.limit)
        self._count = 0

    def take(self, decision: KeyDecision) -> None:
        """Keep, or tell, what is wanted."""
        wanted = decision.cause.time_ms >= self.span.since_ms
        for one in self._made(decision):
            self._never = None
            if not wanted:
                continue
            if self._kept is None:
                self._say(one)
            else:
                self._count += 1
                self._kept.append(one)

    def caught_up(self) -> None:
        """Tell what was kept; what comes later is told at once. Raises `never`."""
        if self._kept is None:
            return
        kept, self._kept = self._kept, None
        if self._never is not None and not self.span.follow:
            raise self._never
        if self._count > len(kept) and not self._json:
            show.say(f"{self._count - len(kept):,} older ones are left out; --limit shows more", "dim")
        if not kept and not self.span.follow and not self._json:
            show.say("nothing was decided on it in this time")
        for one in kept:
            self._say(one)


async def tell(kafka: str, resource: ResourceName, words: Vocabulary, telling: Telling[Any]) -> None:
    """Read the resource's log and tell of the decisions on it.

    Raises `NothingToTalkTo`, `RewindError`, `PortError`, `LogHalt`.
    """
    await partitions_of(kafka, [resource.kind], None)
    read = reader_of(kafka)
    where = await home_of(read, resource)
    log, span = read(where), telling.span
    _, end = await log.bounds()
    stop = None if span.follow else end
    with show.err.status("reading; what counts depends on all that stands before") as spinner:
        async for reached, decisions in decisions_on(resource.key, log, where, words, end=stop):
            over = _take(decisions, telling)
            if reached >= end or over:
                spinner.stop()
                telling.caught_up()
            if over:
                break
    telling.caught_up()


def _take(decisions: Iterable[KeyDecision], telling: Telling[Any]) -> bool:
    """Say whether the span is over."""
    until_ms = telling.span.until_ms
    for decision in decisions:
        if until_ms is not None and decision.cause.time_ms > until_ms:
            return True
        telling.take(decision)
    return False
