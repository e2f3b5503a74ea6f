"""The reads of nodes and the tables of nodes agree on the order of columns."""

from storage.postgres import reads_nodes_sql as sql
from streams.projections.nodes import tables


def test_columns_are_read_in_the_order_of_the_tables() -> None:
    for text, first, state in (
        (sql.NODE, ("partition", "name"), tables.NODE_STATE.names),
        (sql.INSTANCE, ("partition", "service", "instance"), tables.INSTANCE_STATE.names),
        (sql.BRAKE, ("partition",), tables.BRAKE_STATE.names),
    ):
        told = [each.strip().split(".")[1].split("::")[0] for each in text.split(",")]
        assert tuple(told) == (*first, *state)
