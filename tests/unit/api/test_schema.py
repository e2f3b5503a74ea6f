"""The schema that is written down is the one that is served."""

from pathlib import Path

import api
from tests.unit.api.world import schema

WRITTEN = Path(api.__file__).parent / "schema.graphql"


def test_the_written_schema_is_the_served_one() -> None:
    assert WRITTEN.read_text() == f"{schema()}\n", "run: python -m api.schema > api/schema.graphql"
