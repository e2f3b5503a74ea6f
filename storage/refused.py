"""What no store of rows takes, whatever it is made of: so that a read model may move from one to another."""

from streams.projections.ports import RowRefused
from streams.projections.table import Row, Table

_INT64 = 1 << 63


def refuse(table: Table, row: Row, also: type | None = None) -> None:
    """Raise `RowRefused` for what no database takes: NUL, half a character, more than 64 bits.

    Values may be of the type `also`, beside those of rows.
    """
    for column, each in zip(table.columns, row, strict=True):
        problem = None if type(each) is also else _problem(each)
        if problem:
            raise RowRefused(f"{table.name}.{column}: {problem}")


def _problem(each: object) -> str | None:
    match each:
        case str():
            if "\x00" in each:
                return "text with a NUL."
            return None if _encodes(each) else "text with half a surrogate pair."
        case bool() | None | bytes():
            return None
        case int():
            return None if -_INT64 <= each < _INT64 else f"{each} takes more than 64 bits."
        case tuple():
            return next((problem for one in each if (problem := _problem(one))), None)
        case _:
            return f"{type(each).__name__} is no value of a row."


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
