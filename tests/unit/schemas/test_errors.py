"""One tree of errors, drawn in its module, each with a code of its own."""

import re

import pytest

from schemas import codec, errors
from schemas.errors import SchemaError


def family(root: type[SchemaError]) -> list[type[SchemaError]]:
    return [root, *(below for child in root.__subclasses__() for below in family(child))]


def test_the_drawing_shows_every_error_and_nothing_else() -> None:
    drawn = re.findall(r"^(?:[│├└─ ]*)([A-Z]\w+)(?: {2}|$)", errors.__doc__ or "", re.MULTILINE)
    assert sorted(drawn) == sorted(cls.__name__ for cls in family(SchemaError))


def test_each_error_has_a_code_of_its_own() -> None:
    codes = [cls.code for cls in family(SchemaError)]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("cls", family(SchemaError))
def test_each_error_is_importable_beside_the_codec(cls: type[SchemaError]) -> None:
    assert getattr(codec, cls.__name__) is cls
    assert cls.__name__ in codec.__all__
