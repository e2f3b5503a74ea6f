"""An aggregate of one's own: a small commutative monoid. What it raises costs an event or its own result, no window."""

import json
from collections.abc import Callable
from typing import Any, Final

from streams.domain.value import value
from streams.windows.aggregates import Aggregate, Of, encode

MAX_STATE_CHARS: Final = 65_536
"""A state that grows beyond it is broken, visibly, rather than stored."""
_BROKEN: Final = "broken"
_WAS_BROKEN: Final = f'{{"{_BROKEN}":'
_STATE: Final = "state"


@value
class Broken:
    """Stands for a state that its monoid could not make; whatever it is merged with is broken too."""

    error: str


class Monoid(Aggregate):
    """`merge` over `lift(value)` of each event, beginning with `zero()`.

    `merge` must be associative and commutative and must not change its arguments; `dumps` gives what JSON knows.
    Example, the longest: `Monoid("longest", str, str, lambda one, other: max(one, other, key=lambda s: (len(s), s)))`.
    """

    def __init__(
        self,
        name: str,
        zero: Callable[[], Any],
        lift: Callable[[Any], Any],
        merge: Callable[[Any, Any], Any],
        *,
        of: Of | None = None,
        result: Callable[[Any], Any] = lambda state: state,
        dumps: Callable[[Any], Any] = lambda state: state,
        loads: Callable[[Any], Any] = lambda dumped: dumped,
    ) -> None:
        self._name, self._zero, self._lift, self._merge = name, zero, lift, merge
        self._result, self._dumps, self._loads = result, dumps, loads
        super().__init__(of)

    def zero(self) -> Any:
        """Return the state of no events."""
        return self._zero()

    def lift(self, value: Any) -> Any:
        """Return the state of one event."""
        return self._lift(value)

    def add(self, state: Any, piece: Any) -> Any:
        """Return a new state."""
        return self.merge(state, piece)

    def merge(self, state: Any, other: Any) -> Any:
        """Return a new state; of what is broken, what is broken."""
        for each in (state, other):
            if isinstance(each, Broken):
                return each
        return self._merge(state, other)

    def result(self, state: Any) -> Any:
        """Return what is told."""
        return self._result(state)

    def dumps(self, state: Any) -> str:
        """Return the state as JSON; one that is too large, or none of JSON, as `Broken`."""
        if isinstance(state, Broken):
            return encode({_BROKEN: state.error})
        try:
            text = encode({_STATE: self._dumps(state)})
        except Exception as error:  # somebody's own code
            return self.dumps(Broken(told(error)))
        if len(text) > MAX_STATE_CHARS:
            return self.dumps(Broken(f"its state has {len(text)} characters, of at most {MAX_STATE_CHARS}"))
        return text

    def kept(self, state: Any, text: str) -> Any:
        """Return the state after `dumps` wrote it: `Broken` if that is what it wrote."""
        return self.loads(json.loads(text)) if text.startswith(_WAS_BROKEN) else state

    def loads(self, plain: Any) -> Any:
        """Return the state."""
        return Broken(plain[_BROKEN]) if _BROKEN in plain else self._loads(plain[_STATE])

    def __repr__(self) -> str:
        return f"Monoid {self._name}"


def told(error: Exception) -> str:
    """Return an error in few words."""
    return f"{type(error).__name__}: {error}"[:500]
