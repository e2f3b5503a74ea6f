"""Python source being generated: lines, and the names of the constants they use. Standard library only.

Decoders and encoders are generated once a schema, like the methods of a dataclass. A reader that walks the
schema for each message takes several times as long, and each strict check would cost it a call.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class Source:
    """A function body under construction."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.names: dict[str, Any] = {}
        self._depth = 1
        self._count = 0

    def line(self, text: str) -> None:
        """Add one line at the current depth."""
        self.lines.append("    " * self._depth + text)

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """Add `head` and put what follows inside it."""
        self.line(head)
        self._depth += 1
        yield
        self._depth -= 1

    def fresh(self, prefix: str) -> str:
        """Return a variable name not used before."""
        self._count += 1
        return f"{prefix}{self._count}"

    def constant(self, prefix: str, thing: Any) -> str:
        """Return the name under which the function knows `thing`."""
        name = self.fresh(prefix.upper())
        self.names[name] = thing
        return name

    def function(self, name: str, arguments: str, where: str) -> Callable[..., Any]:
        """Compile and return the function."""
        text = "\n".join([f"def {name}({arguments}):", *self.lines, ""])
        namespace = dict(self.names)
        exec(compile(text, f"<{where}>", "exec"), namespace)  # noqa: S102 - our own text, from our own schema files
        made: Callable[..., Any] = namespace[name]
        return made
