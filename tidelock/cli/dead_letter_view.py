"""How dead letters are shown: tables for people, JSON for machines."""

from streams.log.letters import DeadLetter
from streams.log.vocabulary import Vocabulary
from streams.replay.letters.decoded import UNKNOWN, decoded
from streams.replay.letters.shelf import Filed, Found
from tidelock.cli import show
from tidelock.cli.when import Calendar

COLUMNS = ("id", "when", "stage", "place", "error", "reason", "attempts")
SHOWN_BYTES = 4096


def facts_of(filed: Filed) -> dict[str, object]:
    """Return what is known of a letter, but for its bytes."""
    one = filed.letter
    return {
        "id": filed.id, "filed_ms": filed.filed_ms, "stage": one.stage, "tenant": one.tenant, "kind": one.kind,
        "topic": one.topic, "partition": one.partition, "offset": one.offset, "decision": one.decision,
        "read_model": one.read_model, "code": one.code, "reason": one.reason, "attempts": one.attempts,
        "traceparent": one.traceparent, "release": one.release, "appended_ms": one.appended_ms, "size": one.size,
        "sha256": one.sha256.hex(),
    }  # fmt: skip


def as_facts(filed: Filed, words: Vocabulary | None) -> dict[str, object]:
    """Return all that is known of a letter: its bytes in hex, too, and what they mean."""
    one = filed.letter
    meaning = {UNKNOWN: f"this release knows no kind {one.kind}"} if words is None else decoded(one, words)
    return facts_of(filed) | {"bytes": None if one.body is None else one.body.hex(), "decoded": meaning}


def show_found(found: Found, calendar: Calendar, *, json: bool) -> None:
    """Print what a search found, what was done to letters, and how far it looked."""
    if json:
        actions = [
            {"at_ms": at, "action": one.action, "by": one.by, "letters": list(one.letters), "told": one.told}
            for at, one in found.actions
        ]
        show.as_json({
            "letters": [facts_of(one) for one in found.letters], "actions": actions,
            "unreadable": found.unreadable, "first": found.first, "end": found.end, "looked_from": found.looked_from,
        })  # fmt: skip
        return
    table = show.table(None, *COLUMNS, right=frozenset({"id", "attempts"}))
    for filed in found.letters:
        one = filed.letter
        cells = (
            str(filed.id),
            calendar.short(filed.filed_ms),
            one.stage,
            _place(one),
            one.code,
            one.reason[:200],
        )
        table.add_row(*map(show.literal, (*cells, str(one.attempts))))
    if table.row_count:
        show.out.print(table)
    else:
        show.say("no dead letters")
    for at, action in found.actions:
        show.say(f"{calendar.short(at)}  {action.by}: {action.told}", "dim")
    if found.unreadable:
        show.say(f"{show.number(found.unreadable)} records are none that this release can read.", "yellow")
    if not found.all:
        show.say(f"Older ones, before {found.looked_from}, are not shown: see --limit and --scan.", "yellow")


def show_letter(facts: dict[str, object], filed: Filed, calendar: Calendar) -> None:
    """Print one letter, field by field."""
    body = facts["bytes"]
    if isinstance(body, str) and len(body) > 2 * SHOWN_BYTES:
        facts = facts | {"bytes": f"{body[: 2 * SHOWN_BYTES]}... (--json has all)"}
    times = {name: calendar.shown(int(str(facts[name]))) for name in ("filed_ms", "appended_ms")}
    shown = {name: show.compact(each) for name, each in (facts | times).items() if each is not None}
    show.settings({"place": filed.letter.place} | shown)


def _place(one: DeadLetter) -> str:
    decision = "" if one.decision is None else f", decision {one.decision}"
    reader = "" if one.read_model is None else f" by {one.read_model}"
    return f"{one.topic}/{one.partition}@{one.offset}{decision}{reader}"
