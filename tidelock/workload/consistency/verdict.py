"""What the checker found. Standard library only."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from tidelock.workload.consistency.operations import Operation

Code: TypeAlias = Literal["STALE_READ", "REORDERED", "LOST_WRITE", "NOT_IN_LOG", "OTHER_VALUE", "CYCLE"]
KEPT = 20


@dataclass(frozen=True, slots=True)
class Violation:
    """One operation that no consistent order has room for, and why."""

    code: Code
    operation: Operation
    evidence: str

    def __str__(self) -> str:
        """Tell it in a line."""
        return f"{self.code}: {self.operation}: {self.evidence}"


@dataclass(slots=True)
class Verdict:
    """What came of it."""

    operations: int = 0
    """That were judged."""
    reads: int = 0
    hits: int = 0
    local_writes: int = 0
    unknown: int = 0
    """Without an answer, and not judged."""
    clients: int = 0
    entries: int = 0
    counts: Counter[Code] = field(default_factory=Counter)
    violations: list[Violation] = field(default_factory=list)
    """The first 20."""

    @property
    def ok(self) -> bool:
        """Whether the histories are consistent."""
        return not self.counts

    def add(self, code: Code, operation: Operation, evidence: str) -> None:
        """Note a violation."""
        self.counts[code] += 1
        if len(self.violations) < KEPT:
            self.violations.append(Violation(code, operation, evidence))
