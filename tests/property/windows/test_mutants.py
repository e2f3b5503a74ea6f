"""Every planted bug is found by the property that holds without it."""

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from streams.windows.definition import Windows
from tests.property.windows.histories import definitions, histories, same
from tests.property.windows.mutants import MUTANTS
from tests.simulation.mutants.mutant import Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_planted_bug_is_found(mutant: Mutant) -> None:
    @given(definition=definitions, history=histories)
    @settings(
        max_examples=2000, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
        report_multiple_bugs=False, suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    def property_holds(definition: Windows, history: list[Any]) -> None:
        same(definition, history)

    with mutant.planted(), pytest.raises((AssertionError, LookupError)):
        property_holds()
