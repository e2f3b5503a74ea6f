"""Planted bugs of nodes, sessions and the sweeper. Each must be found."""

from tests.simulation.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = ()
