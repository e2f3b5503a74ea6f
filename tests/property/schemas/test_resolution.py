"""What the gate lets pass can be read, by us and by fastavro's schema resolution, with the same outcome."""

from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from schemas.catalogue import SchemaFile, schema_file
from schemas.decoder import decoder
from schemas.gate import mismatch
from schemas.shapes import Record
from schemas.targets import generated_target
from tests.property.schemas.avro import NAME, fastavro_body, fastavro_read, files, plain, values
from tests.property.schemas.test_second_opinion import same

KINDS: list[tuple[Any, Any]] = [
    ("string", "unset"),
    ("long", -5),
    ("int", 3),
    ("boolean", True),
    (["null", "string"], None),
    (["long", "null"], 8),
    ({"type": "array", "items": "long"}, []),
    ({"type": "enum", "name": "Mode", "symbols": ["A", "B"]}, "B"),
]  # fastavro leaves the default of bytes and fixed as text, so these stay out
UNNAMED = [(kind, default) for kind, default in KINDS if "name" not in kind]


@st.composite
def fields(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Draw some of a few fields, whose types and defaults mostly agree between two draws."""
    out = draw(_flat(KINDS))
    if draw(st.booleans()):
        inner = {"type": "record", "name": "Inner", "fields": draw(_flat(UNNAMED))}
        kind = draw(st.sampled_from([inner, ["null", inner], {"type": "array", "items": ["null", inner]}]))
        out.insert(draw(st.integers(0, len(out))), {"name": "inner", "type": kind})
    return out


@st.composite
def _flat(draw: st.DrawFn, kinds: list[tuple[Any, Any]]) -> list[dict[str, Any]]:
    chosen = draw(st.lists(st.sampled_from(range(len(kinds))), unique=True, max_size=5))
    return [_field(draw, f"f{place}", *kinds[place]) for place in chosen]


def _field(draw: st.DrawFn, name: str, kind: Any, default: Any) -> dict[str, Any]:
    kind = draw(st.sampled_from([kind] * 9 + ["double"])) if isinstance(kind, str) else kind
    given_default = {"default": default if kind != "double" else 0.5} if draw(st.integers(0, 4)) else {}
    return {"name": name, "type": kind, **given_default}


@st.composite
def pairs(draw: st.DrawFn) -> tuple[SchemaFile, SchemaFile, Any]:
    old, new = (
        schema_file(NAME, version, {"type": "record", "name": NAME, "fields": draw(fields())})
        for version in (1, 2)
    )
    return old, new, draw(values(old.shape))


@settings(max_examples=150, deadline=None)
@given(pairs())
def test_what_passes_reads_alike(drawn: tuple[SchemaFile, SchemaFile, Any]) -> None:
    old, new, value = drawn
    assume(mismatch(old.shape, new.shape) is None)
    assert isinstance(old.shape, Record)
    assert isinstance(new.shape, Record)
    body = fastavro_body(old.definition, value)
    ours = decoder(old.shape, generated_target(new.shape), b"")(body)
    theirs, _ = fastavro_read(old.definition, body, new.definition)
    assert same(plain(new.shape, ours), theirs)


@settings(max_examples=50, deadline=None)
@given(files())
def test_every_schema_passes_beside_itself(file: SchemaFile) -> None:
    assert mismatch(file.shape, schema_file(NAME, 2, file.definition).shape) is None
