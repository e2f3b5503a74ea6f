"""How one record of a log is shown: as lines for people, as one JSON object for machines."""

import time
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from typing import Any

from rich.text import Text

from schemas.errors import SchemaError
from streams.log.judged import Judged
from streams.log.reader import UnknownEvent
from streams.log.records import Claim, Commit, FeatureActivated, Genesis, LoggedDecision
from streams.log.vocabulary import Vocabulary
from tidelock.cli import show

_WHO = frozenset({"principal", "client", "handle", "sequence"})


class RecordView:
    """Shows records one after the other."""

    def __init__(self, vocabularies: Mapping[str, Vocabulary], *, void: bool, json: bool) -> None:
        self.json = json
        self._vocabularies = vocabularies
        self._void = void

    def show(self, judged: Judged) -> None:
        """Print one record. Raises `UnknownEvent` if it counts and cannot be read."""
        if judged.void is not None and not self._void:
            return
        if self.json:
            show.as_json(self._facts(judged))
            return
        for line in self._lines(judged):
            show.out.print(line, soft_wrap=True)

    # ── for machines ────────────────────────────────────────────────────────────────────────────────────────

    def _facts(self, judged: Judged) -> dict[str, object]:
        record = judged.record
        facts: dict[str, object] = {
            "position": str(judged.position),
            "timestamp_ms": judged.timestamp_ms,
            "type": None if record is None else type(record).__name__,
            "void": judged.void,
        }
        if record is not None:
            facts |= _plain(
                {f.name: getattr(record, f.name) for f in fields(record) if f.name != "decisions"}
            )
        if isinstance(record, Commit) and judged.void is None:
            facts["decisions"] = [self._decision_facts(judged, decision) for decision in record.decisions]
        return facts

    def _decision_facts(self, judged: Judged, decision: LoggedDecision) -> dict[str, object]:
        events, reply = self._decoded(judged, decision)
        own = {f.name: getattr(decision, f.name) for f in fields(decision)}
        of_meta = {f.name: getattr(decision.meta, f.name) for f in fields(decision.meta)}
        facts = _plain({k: v for k, v in (own | of_meta).items() if k not in {"meta", "events", "reply"}})
        facts["events"] = [_typed(event) for event in events]
        facts["reply"] = None if reply is None else _typed(reply)
        return facts

    # ── for people ──────────────────────────────────────────────────────────────────────────────────────────

    def _lines(self, judged: Judged) -> list[Text]:
        head = Text()
        head.append(_clock(judged.timestamp_ms), "dim")
        head.append(f"  {judged.position}  ", "cyan")
        if judged.void is not None:
            what = "bytes" if judged.record is None else type(judged.record).__name__
            return [head.append(f"VOID {what}: {judged.void}", "red")]
        match judged.record:
            case Genesis() as g:
                return [
                    head.append(
                        f"Genesis of {g.kind}/{g.partition}, generation {g.generation}, {g.partitions} partitions"
                    )
                ]
            case Claim() as c:
                return [
                    head.append(
                        f"Claim by {c.address}, release {c.code_version}, level {c.max_level}", "magenta"
                    )
                ]
            case FeatureActivated() as f:
                return [head.append(f"FeatureActivated {f.level}", "magenta")]
            case Commit() as commit:
                return self._commit(judged, commit, head)
        return [head]

    def _commit(self, judged: Judged, commit: Commit, head: Text) -> list[Text]:
        source = "" if commit.source is None else f", commands {commit.source.first} to {commit.source.last}"
        style = "bold" if commit.decisions else "dim"
        head.append(f"commit {commit.seq}, {len(commit.decisions)} decisions{source}", style)
        return [head, *(self._decision(judged, decision) for decision in commit.decisions)]

    def _decision(self, judged: Judged, decision: LoggedDecision) -> Text:
        events, reply = self._decoded(judged, decision)
        line = Text("    ")
        line.append(f"{decision.command or 'undecodable'} {decision.key}", "bold")
        if decision.client:
            line.append(
                f" by {decision.principal}/{decision.client}/{decision.handle}#{decision.sequence}", "dim"
            )
        for event in events:
            line.append("  → ").append(_brief(event), "green")
        if reply is not None and (not events or decision.waiting):
            line.append("  answer: ").append(_brief(reply), "yellow")
        return line

    def _decoded(self, judged: Judged, decision: LoggedDecision) -> tuple[list[Any], Any]:
        words = self._vocabularies[judged.position.partition.kind]
        try:
            events = [words.decode_event(event) for event in decision.events]
            return events, words.decode_reply(decision.reply) if decision.reply else None
        except SchemaError as error:
            what = f"an event or answer cannot be read ({error}). Upgrade before reading on."
            raise UnknownEvent(judged.position, what) from error


def _clock(timestamp_ms: int) -> str:
    return f"{time.strftime('%H:%M:%S', time.localtime(timestamp_ms / 1000))}.{timestamp_ms % 1000:03d}"


def _brief(obj: Any) -> str:
    values = ((f.name, getattr(obj, f.name)) for f in fields(obj) if f.name not in _WHO)
    told = " ".join(f"{name}={value}" for name, value in values if value not in (None, ()))
    return f"{type(obj).__name__} {told}".rstrip()


def _typed(obj: Any) -> dict[str, object]:
    return {"type": type(obj).__name__} | _plain({f.name: getattr(obj, f.name) for f in fields(obj)})


def _plain(values: dict[str, Any]) -> dict[str, object]:
    return {name: _plain_value(value) for name, value in values.items()}


def _plain_value(value: Any) -> object:
    if isinstance(value, bytes):
        return value.hex()
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, dict):
        return _plain(value)
    return [_plain_value(each) for each in value] if isinstance(value, tuple | list) else value
