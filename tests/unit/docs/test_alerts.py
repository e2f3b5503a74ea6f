"""Alert rules speak of series that there are."""

import re
from pathlib import Path

from prometheus_client import Counter, Gauge

from streams.ops import letters
from streams.processes import telemetry
from tidelock import registrar

RULES = sorted(Path("deploy/prometheus").glob("*.yml"))


def test_every_series_of_a_rule_is_one_that_processes_export() -> None:
    exported = {
        family.name
        for module in (telemetry, registrar, letters)
        for each in vars(module).values()
        if isinstance(each, Gauge | Counter)
        for family in each.describe()
    }
    exported |= {f"{name}_total" for name in exported}
    assert RULES
    for path in RULES:
        expressions = re.findall(r"expr: (.*)", path.read_text())
        named = {name for each in expressions for name in re.findall(r"tidelock_[a-z_]+", each)}
        assert named and named <= exported, (path, named - exported)
