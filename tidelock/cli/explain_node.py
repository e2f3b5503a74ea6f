"""`tidelock explain node`: why a node's session ended, on which evidence, and what went with it in every kind."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from streams.domain.kind import KindSpec
from streams.domain.nodes.events import NodeDied, NodeLeft, NodeRegistered, SessionSwept
from streams.domain.nodes.names import name_of
from streams.domain.value import value
from streams.log.accepted import AcceptedCommit
from streams.log.positions import PartitionId, Position
from streams.log.vocabulary import Vocabulary
from streams.replay.locks.phrases import duration
from streams.replay.moment import AtEnd
from streams.replay.nodes.losses import Losses
from streams.replay.nodes.story import NodeStory
from streams.replay.rewind import home_of, walk_to
from tidelock.cli import show
from tidelock.cli.node_options import NodeNeverThere
from tidelock.cli.rewinding import resource_name
from tidelock.cli.topics import bar, partitions_of, reader_of
from tidelock.cli.when import Calendar

KIND = "nodes"
SHOWN = 5
"""Keys of a kind that are told by name."""


@value
class Line:
    """A sentence, and the record that proves it."""

    time_ms: int
    position: Position
    text: str


@dataclass(slots=True)
class Life:
    """One session of the node: what became of it, and which event ended it."""

    session: str
    lines: list[Line] = field(default_factory=list)
    ended_ms: int = 0
    is_over: bool = False


class Lives:
    """The sessions of one node, as its partition's log tells of them."""

    def __init__(self, tenant: str, node: str) -> None:
        self.of: dict[str, Life] = {}
        self._tenant, self._node = tenant, node
        self._story = NodeStory()
        self._now: Life | None = None

    def commit(self, accepted: AcceptedCommit) -> None:
        """Take the next commit that counts."""
        for decided in accepted.decided:
            if decided.decision.tenant == self._tenant:
                for event in decided.events:
                    self._tell(accepted, name_of(decided.decision.key), event)

    def _tell(self, accepted: AcceptedCommit, name: str, event: object) -> None:
        for told in self._story.tell(name, event):
            if told.name != self._node:
                continue
            if isinstance(event, NodeRegistered):
                self._now = self.of[event.session] = Life(event.session)
            life = self.of.get(event.session) if isinstance(event, SessionSwept) else self._now
            if life is None:
                continue
            life.lines.append(Line(accepted.time_ms, accepted.position, told.text))
            if isinstance(event, NodeDied | NodeLeft):
                life.is_over, life.ended_ms = True, accepted.time_ms


def explain_node(
    kafka: str, kinds: Sequence[KindSpec], tenant: str, node: str, calendar: Calendar, *, json: bool
) -> None:
    """Tell of the node's latest session that has ended, or of one by its name (`worker-7:281474976710657.k3f9q2a`)."""
    name, _, token = node.partition(":")
    life, losses = asyncio.run(_read(kafka, kinds, tenant, name, node if token else "", quiet=json))
    if json:
        show.as_json({"node": name, "session": life.session, "over": life.is_over} | _facts(life, losses))
        return
    show.say(f"session {life.session} of node {name}", "bold")
    for line in life.lines:
        show.say(f"  {calendar.short(line.time_ms)}  {line.position}  {line.text}")
    if not life.is_over:
        show.say("It is live: nothing was lost by it.")
        return
    for kind in kinds:
        _tell(
            kind.name,
            {where: one for where, one in losses.items() if where.kind == kind.name},
            life,
            calendar,
        )


async def _read(
    kafka: str, kinds: Sequence[KindSpec], tenant: str, node: str, session: str, *, quiet: bool
) -> tuple[Life, dict[PartitionId, Losses]]:
    ends = await partitions_of(kafka, [kind.name for kind in kinds], None)
    words, read = {kind.name: Vocabulary(kind) for kind in kinds}, reader_of(kafka)
    lives = Lives(tenant, node)
    with bar(quiet) as progress:
        task = progress.add_task(f"reading the logs for {node}", total=1 + len(ends))
        home = await home_of(read, resource_name(KIND, tenant, node))
        await walk_to(read(home), home, words[KIND], AtEnd(), lives.commit)
        life = _chosen(lives, node, session)
        found: dict[PartitionId, Losses] = {}
        for where, end in ends.items() if life.is_over else ():
            progress.update(task, advance=1)
            if end:
                found[where] = Losses(tenant, life.session, words[where.kind])
                await walk_to(read(where), where, words[where.kind], AtEnd(), found[where].commit)
    return life, found


def _chosen(lives: Lives, node: str, session: str) -> Life:
    over = [life for life in lives.of.values() if life.is_over] or list(lives.of.values())
    life = lives.of.get(session) if session else (over[-1] if over else None)
    if life is None:
        what = f"session {session}" if session else f"node {node!r}"
        raise NodeNeverThere(f"The log knows no {what}. `tidelock node list` names the nodes.")
    return life


def _tell(kind: str, losses: dict[PartitionId, Losses], life: Life, calendar: Calendar) -> None:
    told = [one.told for one in losses.values() if one.told is not None]
    show.say("")
    if not told:
        show.say(f"{kind}: no partition has been told", "bold cyan")
        return
    keys, last_ms = sum(one.keys for one in losses.values()), max(one.last_ms for one in losses.values())
    took = f", the last {duration(max(0, last_ms - life.ended_ms))} after its end" if keys else ""
    show.say(f"{kind}: {len(told)} of {len(losses)} partitions told, {keys} keys let go{took}", "bold cyan")
    first = sorted((loss for one in losses.values() for loss in one.first), key=lambda loss: loss.time_ms)
    for loss in first[:SHOWN]:
        what = ", ".join(dict.fromkeys(loss.events))
        show.say(f"  {calendar.short(loss.time_ms)}  {loss.position}  {loss.name}: {what}")
    if keys > SHOWN:
        show.say(f"  and {keys - len(first[:SHOWN])} more")


def _facts(life: Life, losses: dict[PartitionId, Losses]) -> dict[str, object]:
    lines = [{"position": str(one.position), "time_ms": one.time_ms, "text": one.text} for one in life.lines]
    lost = [
        {
            "partition": str(where), "told": None if one.told is None else str(one.told[0]), "cause": one.cause,
            "keys": one.keys, "events": dict(one.counts),
            "first": [{"name": each.name, "position": str(each.position)} for each in one.first],
        }
        for where, one in losses.items()
    ]  # fmt: skip
    return {"story": lines, "lost": lost}
