"""What the log says of one key of any kind: its decisions, and its state by the kind's own fold. Pure."""

from collections.abc import Iterator
from typing import Any

from schemas.errors import SchemaError
from streams.domain.value import value
from streams.log.accepted import AcceptedCommit, Decided
from streams.log.reader import UnknownEvent
from streams.log.vocabulary import Vocabulary
from streams.replay.causes import Cause, cause_of
from streams.wire.keys import key_of
from streams.wire.messages import SessionEnded, TimerFailed


@value
class ResourceName:
    """Which resource of which kind: names belong to tenants."""

    kind: str
    tenant: str
    name: str

    @property
    def key(self) -> str:
        """What it is called in the log."""
        return key_of(self.tenant, self.name)


@value
class KeyDecision:
    """What one decision meant for a key: its events, in order, and the answer to who asked."""

    cause: Cause
    key: str
    """Whose decision it was: an event may fold into other keys than its decision's."""
    number: int
    """The number of its first event: what tokens are made of."""
    events: tuple[Any, ...]
    reply: Any
    """None: nobody asked, or not on this key."""
    waiting: bool
    """The answer was interim; a later event settled the command."""


class KeyDecisions:
    """Finds the decisions that concern one key."""

    def __init__(self, key: str, vocabulary: Vocabulary) -> None:
        self.key = key
        self._vocabulary = vocabulary
        self._spreads = vocabulary.kind.event_keys

    def of(self, accepted: AcceptedCommit) -> Iterator[KeyDecision]:
        """Yield them, as far as they are in `accepted`. Raises `UnknownEvent` if they cannot be read."""
        try:
            for decided in accepted.decided if self._spreads else accepted.decided_on(self.key):
                one = self._of(accepted, decided)
                if one is not None:
                    yield one
        except SchemaError as error:
            what = f"what it says of {self.key} cannot be read ({error}). Upgrade before reading on."
            raise UnknownEvent(accepted.position, what) from error

    def _of(self, accepted: AcceptedCommit, decided: Decided) -> KeyDecision | None:
        decision, own = decided.decision, decided.decision.key == self.key
        events = tuple([event for event in decided.events if self._concerns(event, decision.tenant, own)])
        if not own and not events:
            return None
        reply = self._vocabulary.decode_reply(decision.reply) if own and decision.reply else None
        cause = cause_of(accepted, decided)
        return KeyDecision(cause, decision.key, decided.number, events, reply, own and decision.waiting)

    def _concerns(self, event: Any, tenant: str, own: bool) -> bool:
        spread = self._spreads.get(type(event))
        return own if spread is None else self.key in spread(tenant, event)


class KeyChronicle:
    """One key, moved on commit by commit."""

    def __init__(self, key: str, vocabulary: Vocabulary) -> None:
        self.changed: Cause | None = None
        """The decision that changed it last."""
        self.used = False
        """Whether anybody had asked for more than to look at it."""
        self.failed_timer: str | None = None
        """The error of its timer, if that failed and nobody has commanded the key since."""
        self._decisions = KeyDecisions(key, vocabulary)
        self._decider = vocabulary.kind.decider
        self._initial = self._decider.initial(key)
        self._kind = vocabulary.kind
        self._looks = vocabulary.looks
        self._state = self._initial

    @property
    def state(self) -> object | None:
        """As the kind's decider has it, in what form the kind shows it; None: there is nothing."""
        if self._state is self._initial:
            return None
        shown: object = self._state if self._kind.shown is None else self._kind.shown(self._state)
        return shown

    @property
    def whole(self) -> Any:
        """The state as the kind's decider has it; of a key where nothing is, its initial state."""
        return self._state

    def commit(self, accepted: AcceptedCommit) -> None:
        """Fold one commit that counts. Raises `UnknownEvent` if what it says of the key cannot be read."""
        for decision in self._decisions.of(accepted):
            self._decided(decision)

    def _decided(self, decision: KeyDecision) -> None:
        self.used = self.used or bool(decision.events) or decision.cause.command not in self._looks
        if decision.events:
            self.changed, self.failed_timer = decision.cause, None
        for event in decision.events:
            match event:
                case TimerFailed():
                    self.failed_timer = event.error
                case SessionEnded():
                    pass
                case _:
                    self._state = self._decider.evolve(self._state, event)
