"""Planted bugs. The simulation is worth what it finds of these; `ALL` lists them, Evidence first."""

from tests.simulation.mutants.accept_rule import ACCEPT_RULE
from tests.simulation.mutants.engine import ENGINE
from tests.simulation.mutants.evidence import EVIDENCE
from tests.simulation.mutants.lanes import LANES
from tests.simulation.mutants.library import LIBRARY
from tests.simulation.mutants.locks import LOCKS
from tests.simulation.mutants.mutant import Mutant
from tests.simulation.mutants.time import TIME

ALL: tuple[Mutant, ...] = (*EVIDENCE, *ACCEPT_RULE, *TIME, *LOCKS, *ENGINE, *LANES, *LIBRARY)

__all__ = ["ALL", "Mutant"]
