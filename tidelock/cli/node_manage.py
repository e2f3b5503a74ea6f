"""`tidelock node drain|undrain|evict|deregister`: what operators do to one node."""

import asyncio
from typing import Annotated

import typer

from streams.domain.nodes.commands import DeregisterNode, DrainNode, EvictNode, InspectNode, UndrainNode
from streams.domain.nodes.replies import NodeClosed, NodeKept, NodeState
from tidelock.cli import exits, options, show
from tidelock.cli.asking import Yes, ask
from tidelock.cli.connected import as_operator, on_client
from tidelock.cli.discovery import Running, find
from tidelock.cli.node_options import KIND, Node, Why
from tidelock.cli.stand_in import stand_in_for

Session = Annotated[
    str, typer.Option("--session", help="Only this one. Default: the live one.", callback=options.text)
]


def drain(node: Node, why: Why = "", home: options.Home = options.HOME, json: options.AsJson = False) -> None:
    """Give a node no new work; it lives on and keeps what it has.

    Whoever hands out work sees it (`draining`), the node itself in the answer to its checks. It lasts until the session
    ends, or `tidelock node undrain`. Drained already is fine.

    Example: [green]tidelock node drain worker-7 --why 'new disk'[/]
    """
    kept: NodeKept = as_operator(home, lambda client: client.command(KIND, DrainNode(node, why)))
    _tell(json, node, kept.session, "drained", f"{node} gets no new work (session {kept.session})")


def undrain(node: Node, home: options.Home = options.HOME, json: options.AsJson = False) -> None:
    """Give a node work again.

    Not drained is fine. Example: [green]tidelock node undrain worker-7[/]
    """
    kept: NodeKept = as_operator(home, lambda client: client.command(KIND, UndrainNode(node)))
    _tell(json, node, kept.session, "undrained", f"{node} gets work again (session {kept.session})")


def evict(
    node: Node,
    why: Why = "",
    session: Session = "",
    yes: Yes = False,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """End a node's session: all that it holds goes to others. Exit code 1 if it has none.

    Its locks go to who waits, its messages back to their queues, its services leave: once its program, which may
    still run, can trust nothing of it any more, which is its timeout after it was heard last. The program learns of it
    at its next word, and by default registers anew: stop it first. The brake does not keep an eviction.

    Example: [green]tidelock node evict worker-7 --why 'it hangs'[/]
    """
    ask(f"End the session of {node}, and give all that it holds to others?", yes=yes)
    closed: NodeClosed = as_operator(home, lambda client: client.command(KIND, EvictNode(node, session, why)))
    _closed(json, node, closed, "evicted")


def deregister(
    node: Node,
    session: Session = "",
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """End the session of a node whose program has ended without closing. Exit code 1 if it has none.

    What the node itself does when it closes, in its name and under its client id: so only with the token of the
    principal that registered it, and never while the program runs (`tidelock node evict` is for that). A program that
    was killed is not waited for until its timeout.

    Example: [green]tidelock node deregister nightly-report[/]
    """
    running = find(home)
    state: NodeState = on_client(home, lambda client: client.command(KIND, InspectNode(node)))
    if state.status == "ENDED" or session not in {"", state.session}:
        closed = NodeClosed(session, ended=False)
    else:
        closed = asyncio.run(_deregister(running, DeregisterNode(node, state.session), state.client))
    _closed(json, node, closed, "deregistered")


async def _deregister(running: Running, command: DeregisterNode, client_id: str) -> NodeClosed:
    async with stand_in_for(running, client_id) as client:
        closed: NodeClosed = await client.command(KIND, command, timeout=20.0)
        return closed


def _closed(json: bool, node: str, closed: NodeClosed, done: str) -> None:
    if closed.ended:
        _tell(json, node, closed.session, done, f"{done} {node}: session {closed.session} has ended")
        return
    if json:
        show.as_json({"node": node, "session": closed.session, done: False})
    else:
        show.say(
            f"{node}: "
            + (f"session {closed.session} is not live" if closed.session else "no session is live")
        )
    raise typer.Exit(exits.NO)


def _tell(json: bool, node: str, session: str, done: str, text: str) -> None:
    show.done({"node": node, "session": session, done: True}, text, json=json)
