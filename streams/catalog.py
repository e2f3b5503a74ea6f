"""What there is: every kind of resource the platform knows, in one explicit list."""

from typing import Final

from streams.domain.kind import KindSpec
from streams.domain.locks.kind import LOCKS

KINDS: Final[tuple[KindSpec, ...]] = (LOCKS,)
