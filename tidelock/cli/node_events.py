"""`tidelock node watch|events`: what becomes of nodes, from the logs alone, as it happens and as it was."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Annotated

import typer

from streams.domain.nodes.names import name_of
from streams.domain.value import value
from streams.log.accepted import AcceptedCommit
from streams.log.positions import Position
from streams.log.vocabulary import Vocabulary
from streams.replay.nodes.story import NodeStory, Told
from streams.replay.plain import typed
from streams.replay.resource import KeyDecision
from tidelock.cli import options, show
from tidelock.cli.discovery import find
from tidelock.cli.following import watch_from_now
from tidelock.cli.kinds import kind_named
from tidelock.cli.node_options import KIND, Node, NodeNeverThere
from tidelock.cli.rewinding import checked_tenant, resource_name
from tidelock.cli.telling import Telling, span_of, tell
from tidelock.cli.when import Calendar


@value
class Sentence:
    """One sentence, and the record that proves it."""

    time_ms: int
    position: Position
    told: Told


Say = Callable[[Sentence], None]


def watch(
    context: typer.Context,
    node: Annotated[
        str, typer.Argument(help="Only this node. Default: all.", metavar="[NODE]", callback=options.text)
    ] = "",
    tenant: options.Tenant = options.TENANT,
    utc: options.Utc = False,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Tell what becomes of nodes, and of the brake, as it happens, until Ctrl-C.

    Registered, suspected and why, heard again, died, left, drained, evicted, swept: a line each, from now on, with the
    position of the record that proves it. With `--json`, one object a line.

    Example: [green]tidelock node watch --json | jq -r 'select(.event.type == "NodeDied").node'[/]
    """
    words, say = Vocabulary(kind_named(context, KIND)), _saying(Calendar.now(utc), json)
    kafka = find(home).need_kafka()
    try:
        asyncio.run(watch_from_now(kafka, words, Watcher(checked_tenant(tenant), node, say).commit))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def events(
    context: typer.Context,
    node: Node,
    since: options.Since = "",
    until: options.Until = "",
    limit: options.Limit = 50,
    follow: options.Follow = False,
    tenant: options.Tenant = options.TENANT,
    utc: options.Utc = False,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Tell what became of a node: registered, suspected, died on which evidence, drained, evicted, swept.

    From its partition's log alone, oldest first; heartbeats are left out (`tidelock events nodes NODE` has them). What
    became of the brake: `tidelock node events brake`. Times are written as for `tidelock rewind`.

    Example: [green]tidelock node events worker-7 --since -1h[/]
    """
    calendar = Calendar.now(utc)
    words, resource = Vocabulary(kind_named(context, KIND)), resource_name(KIND, tenant, node)
    span, story, say = span_of(calendar, since, until, limit, follow), NodeStory(), _saying(calendar, json)
    kafka = find(home).need_kafka()

    never = NodeNeverThere(f"The log knows no node {node!r} by then. `tidelock node list` names the nodes.")
    telling = Telling(span, lambda one: _sentences(one, node, story), say, json=json, never=never)
    try:
        asyncio.run(tell(kafka, resource, words, telling))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _sentences(decision: KeyDecision, node: str, story: NodeStory) -> Iterator[Sentence]:
    for event in decision.events:
        for told in story.tell(node, event):
            if told.name == node:
                yield Sentence(decision.cause.time_ms, decision.cause.position, told)


class Watcher:
    """Tells what the commits say of the nodes of one tenant, or of one of them."""

    def __init__(self, tenant: str, node: str, say: Say) -> None:
        self._tenant, self._node = tenant, node
        self._say = say
        self._story = NodeStory()

    def commit(self, accepted: AcceptedCommit) -> None:
        """Tell of the next commit that counts."""
        for told in self._told(accepted):
            if self._node in {"", told.name}:
                self._say(Sentence(accepted.time_ms, accepted.position, told))

    def _told(self, accepted: AcceptedCommit) -> Iterator[Told]:
        for decided in accepted.decided:
            if decided.decision.tenant == self._tenant:
                for event in decided.events:
                    yield from self._story.tell(name_of(decided.decision.key), event)


def _saying(calendar: Calendar, json: bool) -> Say:
    def say(one: Sentence) -> None:
        told, position = one.told, str(one.position)
        if json:
            what = {"node": told.name, "text": told.text, "event": typed(told.event)}
            show.as_json({"time_ms": one.time_ms, "position": position} | what)
        else:
            show.say(f"{calendar.short(one.time_ms)}  {position}  {told.name} {told.text}")

    return say
