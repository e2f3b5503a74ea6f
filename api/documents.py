"""Queries as documents: parsed, within the limits, valid; each text once, as long as it is remembered.

Limits come first and cost little: a text that breaks one is never validated, and what is invalid is not remembered.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, TypeAlias

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    InlineFragmentNode,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    parse,
    specified_rules,
)
from strawberry.schema.schema import validate_document

from api.errors import BadRequest
from streams.domain.value import value


@value
class QueryLimits:
    """What one document may hold."""

    chars: int = 32_768
    tokens: int = 1_000
    depth: int = 12
    aliases: int = 30
    fields: int = 600
    """Counted with fragments in their places."""
    repeats: int = 50
    """Of one field in one place, with fragments in theirs: validation compares each with each."""
    operations: int = 10
    remembered: int = 256
    """Documents, at most."""


DEFAULT_LIMITS = QueryLimits()
INTROSPECTION_DEPTH = 16
"""What GraphiQL asks for at its start."""
_Node: TypeAlias = OperationDefinitionNode | FragmentDefinitionNode | FieldNode | InlineFragmentNode


class Documents:
    """The documents of one schema."""

    def __init__(
        self, schema: GraphQLSchema, limits: QueryLimits = DEFAULT_LIMITS, *, introspection: bool = False
    ) -> None:
        self._schema = schema
        self._limits = limits
        self._rules: tuple[Any, ...] = tuple(specified_rules)
        if not introspection:
            self._rules += (NoSchemaIntrospectionCustomRule,)
        self._valid: OrderedDict[str, DocumentNode] = OrderedDict()

    def __len__(self) -> int:
        return len(self._valid)

    def document(self, text: str) -> tuple[DocumentNode | None, list[GraphQLError]]:
        """Return the document, or why there is none."""
        known = self._valid.get(text)
        if known is not None:
            self._valid.move_to_end(text)
            return known, []
        try:
            document = self._parsed(text)
            check_size(document, self._limits)
        except GraphQLError as error:
            return None, [error]
        errors = validate_document(self._schema, document, self._rules)
        if errors:
            return None, [_invalid(error) for error in errors[:10]]
        self._valid[text] = document
        if len(self._valid) > self._limits.remembered:
            self._valid.popitem(last=False)
        return document, []

    def _parsed(self, text: str) -> DocumentNode:
        limits = self._limits
        if len(text) > limits.chars:
            raise _too_large("QUERY_TOO_LONG", f"has {len(text)} characters", limits.chars)
        try:
            return parse(text, max_tokens=limits.tokens)
        except GraphQLSyntaxError as error:
            if "nested too deeply" in error.message:
                raise _too_large("QUERY_TOO_DEEP", "is nested deeper than is read", limits.depth) from None
            if "tokens" in error.message:
                raise _too_large("QUERY_TOO_LONG", "has too many tokens", limits.tokens) from None
            raise BadRequest(f"The query cannot be parsed: {error.message}", code="GRAPHQL_SYNTAX") from error


def _invalid(error: GraphQLError) -> GraphQLError:
    if "code" in (error.extensions or {}):
        return error
    return GraphQLError(error.message, error.nodes, extensions={"code": "GRAPHQL_INVALID"})


def _too_large(code: str, what: str, limit: int) -> BadRequest:
    return BadRequest(
        f"The query {what}; the limit is {limit}. Ask for less at a time.", code=code, limit=limit
    )


@value
class _Size:
    depth: int
    fields: int
    aliases: int


def check_size(document: DocumentNode, limits: QueryLimits) -> None:
    """Raise `BadRequest` if the document is too large or its fragments go round. Linear in its length.

    Each fragment is measured once, so that fragments of fragments cannot multiply the work.
    """
    fragments = {
        one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)
    }
    measuring: set[str] = set()

    @cache
    def fragment(name: str) -> _Size:
        if name in measuring:
            raise BadRequest(
                f"Fragment {name!r:.60} contains itself. Take one out of it.", code="FRAGMENT_CYCLE"
            )
        measuring.add(name)
        size = measured(fragments[name]) if name in fragments else _Size(0, 1, 0)
        measuring.discard(name)
        return size

    def measured(node: _Node) -> _Size:
        depth = fields = aliases = 0
        for child in _children(node):
            if isinstance(child, FragmentSpreadNode):
                size = fragment(child.name.value)
            else:
                size = measured(child)
                if isinstance(child, FieldNode):
                    size = _Size(size.depth + 1, size.fields + 1, size.aliases + (child.alias is not None))
            depth = max(depth, size.depth)
            fields += size.fields
            aliases += size.aliases
        return _Size(depth, fields, aliases)

    operations = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    if len(operations) > limits.operations:
        raise _too_large("TOO_MANY_OPERATIONS", f"has {len(operations)} operations", limits.operations)
    for name in fragments:
        fragment(name)
    for operation in operations:
        _check(measured(operation), limits, INTROSPECTION_DEPTH if _introspects(operation) else limits.depth)
        most = max(_places(operation, fragments).values(), default=0)
        if most > limits.repeats:
            raise _too_large("TOO_MANY_FIELDS", f"asks for one field {most} times", limits.repeats)


def _places(
    operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> Counter[tuple[str, ...]]:
    """Return how often each place of the answer is asked for: no more work than fields, which are counted before."""
    places: Counter[tuple[str, ...]] = Counter()

    def walk(node: _Node, at: tuple[str, ...]) -> None:
        for child in _children(node):
            if isinstance(child, FieldNode):
                place = (*at, (child.alias or child.name).value)
                places[place] += 1
                walk(child, place)
            elif not isinstance(child, FragmentSpreadNode):
                walk(child, at)
            elif child.name.value in fragments:
                walk(fragments[child.name.value], at)

    walk(operation, ())
    return places


def _check(size: _Size, limits: QueryLimits, depth: int) -> None:
    if size.depth > depth:
        raise _too_large("QUERY_TOO_DEEP", f"is {size.depth} levels deep", depth)
    if size.aliases > limits.aliases:
        raise _too_large("TOO_MANY_ALIASES", f"has {size.aliases} aliases", limits.aliases)
    if size.fields > limits.fields:
        raise _too_large("TOO_MANY_FIELDS", f"has {size.fields} fields", limits.fields)


def _children(node: _Node) -> Iterator[Any]:
    if node.selection_set is not None:
        yield from node.selection_set.selections


def _introspects(operation: OperationDefinitionNode) -> bool:
    return all(
        isinstance(child, FieldNode) and child.name.value.startswith("__") for child in _children(operation)
    )
