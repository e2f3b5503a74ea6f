"""The compatibility gate: each version of a schema reads what each other version wrote, both ways.

The rule is narrower than Avro's schema resolution, so that one value class holds all versions of its record:

- records may gain and lose fields that have a default, and reorder their fields; the same holds inside them;
- everything else stays: types, names, symbols, sizes.

(Avro's promotions, int to long and so on, work one way only, and an old reader fails on a new enum symbol.)
Envelope schemas (group `log`) have one version for ever: every reader of every release reads them. So has the meta
of commands, which stands in them.
"""

from collections.abc import Iterator, Mapping
from itertools import permutations

from schemas.catalogue import Catalogue, shipped
from schemas.errors import FingerprintDrift, IncompatibleSchemas, SchemaError
from schemas.fingerprints import drifts, released
from schemas.messages import META_RECORD
from schemas.shapes import MISSING, Array, Enum, Fixed, Optional, Record, Scalar, Shape
from schemas.targets import shape_name

ENVELOPES = "log"


def check_all(catalogue: Catalogue | None = None, frozen: Mapping[str, str] | None = None) -> None:
    """Raise the first problem of the schemas that ship with this release; called when a process starts."""
    known = shipped() if catalogue is None else catalogue
    for problem in problems(known, released() if frozen is None else frozen):
        raise problem


def problems(catalogue: Catalogue, frozen: Mapping[str, str]) -> Iterator[SchemaError]:
    """Yield what is wrong: released schemas that changed, envelopes with versions, incompatible versions."""
    yield from drifts(catalogue, frozen)
    for name in sorted({file.fullname for file in catalogue}):
        versions = catalogue.versions(name)
        if (versions[0].group == ENVELOPES or name == META_RECORD) and len(versions) > 1:
            first, second = versions[:2]
            yield FingerprintDrift(
                name, first.fingerprint.hex(), f"{second.fingerprint.hex()} in {second.label}"
            )
        for writer, reader in permutations(versions, 2):
            reason = mismatch(writer.shape, reader.shape)
            if reason is not None:
                yield IncompatibleSchemas(writer.label, reader.label, reason)


def mismatch(writer: Shape, reader: Shape, path: str = "") -> str | None:
    """Return why `reader` cannot read what `writer` wrote, or None if it can."""
    match writer, reader:
        case Record(), Record() if writer.fullname == reader.fullname:
            return _fields(writer, reader, path)
        case (Optional(item=old), Optional(item=new)) | (Array(item=old), Array(item=new)):
            return _limits(writer, reader, path) or mismatch(old, new, path)
        case ((Scalar() | Fixed() | Enum()), _) if writer == reader:
            return None
        case _:
            there, here = shape_name(writer), shape_name(reader)
            return f"{path or 'it'} is {there} there and {here} here; add a new field instead"


def _fields(writer: Record, reader: Record, path: str) -> str | None:
    written = {field.name: field for field in writer.fields}
    for field in reader.fields:
        below = f"{path}.{field.name}".lstrip(".")
        if field.name in written:
            reason = mismatch(written[field.name].shape, field.shape, below)
            if reason is not None:
                return reason
        elif field.default is MISSING:
            return f"{below} is not written there and has no default here; give it one"
    return None


def _limits(writer: Shape, reader: Shape, path: str) -> str | None:
    if isinstance(writer, Array) and isinstance(reader, Array) and writer.max_items != reader.max_items:
        return f"{path} may hold {writer.max_items} items there and {reader.max_items} here; keep maxItems"
    return None
