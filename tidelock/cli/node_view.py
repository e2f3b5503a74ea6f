"""How nodes are shown."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from rich.text import Text

from streams.domain.nodes.commands import Check, Label
from streams.domain.nodes.replies import NodeState
from tidelock.cli import show
from tidelock.cli.lease_now import LeaseNow
from tidelock.client.nodes.node import words_of

COLUMNS = ("node", "status", "health", "load", "zone", "address", "heard")
_STYLES = {"ALIVE": "green", "SUSPECTED": "yellow", "ENDED": "red"}


def nodes(found: Iterable[tuple[str, NodeState, LeaseNow]], as_json: bool) -> None:
    """Print nodes, one a row."""
    if as_json:
        for name, state, now in found:
            show.as_json(facts(name, state, now))
        return
    table = show.table(None, *COLUMNS, right=frozenset({"load", "heard"}))
    for name, state, now in found:
        table.add_row(show.literal(name), *_cells(state, now))
    if table.row_count:
        show.out.print(table)
    else:
        show.say(
            "no node has registered, or all are forgotten: tidelock.connect(..., node=tidelock.Node(...))"
        )


def node(name: str, state: NodeState, now: LeaseNow, as_json: bool) -> None:
    """Print all that is known of a node."""
    if as_json:
        show.as_json(facts(name, state, now))
        return
    show.say(f"{name}: {_status(state)}", "bold")
    table = show.table(None, "field", "value")
    for field, text in _fields(state, now):
        if text:
            table.add_row(field, show.literal(text))
    show.out.print(table)


def facts(name: str, state: NodeState, now: LeaseNow) -> dict[str, Any]:
    """Return a node for machines: as its owner has it, and its lease times as lengths from now."""
    told: dict[str, Any] = {"node": name} | asdict(state)
    registration = state.registration
    if registration is not None:
        told["registration"] |= {
            "labels": words_of(registration.labels), "metadata": words_of(registration.metadata),
        }  # fmt: skip
        told["heard_ago_ms"] = now.ago_ms(state.heard_at)
        told["registered_ago_ms"] = now.ago_ms(state.registered_at)
    told["barred_ms"] = now.left_ms(state.barred_until)
    return told


def _cells(state: NodeState, now: LeaseNow) -> tuple[Text, ...]:
    registration, status = state.registration, Text(_status(state), style=_STYLES[state.status])
    if registration is None:
        ago = "" if state.last is None else f"ended {now.ago(state.last.ended_at)} ago"
        return (status, *map(show.literal, ("", "", "", "", ago)))
    heard = f"{now.ago(state.heard_at)} ago"
    told = (state.health, _load(state), registration.zone, registration.address, heard)
    return (status, *map(show.literal, told))


def _fields(state: NodeState, now: LeaseNow) -> Iterable[tuple[str, str]]:
    registration = state.registration
    if registration is not None:
        yield "session", state.session
        yield "of", f"{state.principal}/{state.client}, registered {now.ago(state.registered_at)} ago"
        yield "heard", f"{now.ago(state.heard_at)} ago, {show.number(state.beats)} beats in this session"
        yield "dies", f"after {registration.timeout_ms / 1000:g} s of silence"
        yield "health", state.health
        yield "load", _load(state)
        yield "address", registration.address
        yield "zone", registration.zone
        yield "labels", _listed(registration.labels)
        yield "metadata", _listed(registration.metadata)
        yield "checks", ", ".join(map(_check, state.checks))
    last = state.last
    if last is not None:
        yield (
            "last",
            f"session {last.session} ended {now.ago(last.ended_at)} ago: {last.cause} {last.cause_id}",
        )
    yield "unswept", ", ".join(each.session for each in state.unswept)
    if state.strikes:
        yield "strikes", str(state.strikes)
    if left := now.left_ms(state.barred_until):
        yield "barred", f"it may register in {left / 1000:.1f} s"


def _status(state: NodeState) -> str:
    told = [f"ENDED ({state.last.cause})" if state.status == "ENDED" and state.last else str(state.status)]
    if state.draining:
        told.append("draining")
    if state.unswept:
        told.append(f"{len(state.unswept)} unswept")
    return ", ".join(told)


def _load(state: NodeState) -> str:
    capacity = 0 if state.registration is None else state.registration.capacity
    return f"{state.load} of {capacity}" if capacity else str(state.load)


def _check(check: Check) -> str:
    return f"{check.name} {check.health}" + (f" ({check.output})" if check.output else "")


def _listed(labels: tuple[Label, ...]) -> str:
    return ", ".join(f"{label.name}={label.value}" for label in labels)
