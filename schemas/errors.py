"""Everything that can go wrong with schemas and their bytes. Standard library only.

SchemaError
├── BadSchema              a schema file is outside the subset of Avro that we bound and check
├── BindingMismatch        a Python class and its schema disagree
├── UnknownSchema          no schema with this fingerprint or name ships with this release
├── MalformedData          the bytes are not what their schema says
│   └── TooManyValues      the bytes would cost more than a message may
├── InvalidValue           a Python value does not fit its schema, so nothing was encoded
├── FingerprintDrift       a released schema changed
├── IncompatibleSchemas    two versions of a schema cannot read each other
├── RegistryUnavailable    the schema registry did not answer
└── UnknownWriterSchema    a registry id names a schema that this release does not know
"""

from typing import ClassVar


class SchemaError(Exception):
    """Root of the tree. `code` is stable; the message says what happened, to what, and the cure."""

    code: ClassVar[str] = "SCHEMA_ERROR"


class BadSchema(SchemaError):
    """A schema file is outside the subset of Avro that we bound and check."""

    code = "BAD_SCHEMA"

    def __init__(self, schema: str, reason: str) -> None:
        self.schema = schema
        self.reason = reason
        super().__init__(f"schema {schema}: {reason}")


class BindingMismatch(SchemaError):
    """A Python class and its schema disagree."""

    code = "BINDING_MISMATCH"

    def __init__(self, cls: type, schema: str, reason: str) -> None:
        self.cls = cls
        self.schema = schema
        self.reason = reason
        super().__init__(
            f"class {cls.__qualname__} does not fit schema {schema}: {reason}; change one of the two"
        )


class UnknownSchema(SchemaError):
    """No schema with this fingerprint or name ships with this release."""

    code = "UNKNOWN_SCHEMA"

    def __init__(
        self, wanted: str, cure: str = "a newer release or another program wrote it; upgrade"
    ) -> None:
        self.wanted = wanted
        super().__init__(f"{wanted} is none of the schemas expected here: {cure}")


class MalformedData(SchemaError):
    """The bytes are not what their schema says. `offset` is where reading stopped."""

    code = "MALFORMED_DATA"

    def __init__(self, schema: str, reason: str, offset: int) -> None:
        self.schema = schema
        self.reason = reason
        self.offset = offset
        super().__init__(
            f"not a valid {schema}: {reason} (at byte {offset}); have its producer encode it anew"
        )


class TooManyValues(MalformedData):
    """The bytes would cost more memory or time than a message may."""

    code = "TOO_MANY_VALUES"


class InvalidValue(SchemaError):
    """A Python value does not fit its schema, so nothing was encoded."""

    code = "INVALID_VALUE"

    def __init__(self, schema: str, path: str, reason: str) -> None:
        self.schema = schema
        self.path = path
        self.reason = reason
        super().__init__(f"cannot encode {schema}: {path or 'value'} {reason}; correct that field")


class FingerprintDrift(SchemaError):
    """A released schema changed, so data already written could not be read any more."""

    code = "FINGERPRINT_DRIFT"

    def __init__(self, schema: str, released: str, found: str) -> None:
        self.schema = schema
        self.released = released
        self.found = found
        super().__init__(
            f"released schema {schema} has fingerprint {found}, was released as {released}: "
            "restore the file and put the change into the next version, <Name>.v<N>.avsc"
        )


class IncompatibleSchemas(SchemaError):
    """Two versions of a schema cannot read each other."""

    code = "INCOMPATIBLE_SCHEMAS"

    def __init__(self, writer: str, reader: str, reason: str) -> None:
        self.writer = writer
        self.reader = reader
        self.reason = reason
        super().__init__(f"{reader} cannot read what {writer} wrote: {reason}")


class RegistryUnavailable(SchemaError):
    """The schema registry did not answer; the message may be tried again."""

    code = "REGISTRY_UNAVAILABLE"

    def __init__(self, schema_id: int, reason: str) -> None:
        self.schema_id = schema_id
        self.reason = reason
        super().__init__(
            f"schema registry gave no schema {schema_id}: {reason}; check the registry and try again"
        )


class UnknownWriterSchema(SchemaError):
    """A registry id names a schema that this release does not know."""

    code = "UNKNOWN_WRITER_SCHEMA"

    def __init__(self, schema_id: int, reason: str) -> None:
        self.schema_id = schema_id
        self.reason = reason
        super().__init__(
            f"registry schema {schema_id}: {reason}; register a schema that ships with this release"
        )
