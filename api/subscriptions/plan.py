"""What a subscription selects, worked out once: from an item to the JSON that is sent.

GraphQL's executor takes some 400 µs an item, whoever else is sent the same; a live item is plain values down to its
leaves, so that its selection is a fixed list of attributes. A plan gives what the executor would give: a test holds
the two together. A rendered item is kept with the item, for the next subscriber who selects the same.
"""

import json
from collections.abc import Callable, Iterator
from enum import Enum
from operator import attrgetter
from typing import Any, Final, TypeAlias

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLAbstractType,
    GraphQLEnumType,
    GraphQLIncludeDirective,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLSkipDirective,
    InlineFragmentNode,
    SelectionNode,
    SelectionSetNode,
    get_directive_values,
    is_abstract_type,
    is_specified_scalar_type,
)
from graphql.execution.values import VariableValues

Complete: TypeAlias = Callable[[Any], Any]
Fields: TypeAlias = dict[str, list[FieldNode]]

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode


class Plan:
    """Renders the items of one selection."""

    def __init__(self, key: str, complete: Complete) -> None:
        self._key = key
        self._complete = complete

    def render(self, item: Any) -> str:
        """Return the JSON of the answer that `item` is."""
        sent: dict[Plan, str] = item.sent
        text = sent.get(self)
        if text is None:
            text = sent[self] = _encode({"data": {self._key: self._complete(item)}})
        return text


class Planner:
    """Plans for the operations of one document."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, variables: VariableValues) -> None:
        self._schema = schema
        self._variables = variables
        self._fragments = {
            one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)
        }

    def root(self, of: GraphQLObjectType, selected: SelectionSetNode) -> FieldNode:
        """Return the one field of a subscription: what is valid has no other, and no @skip there."""
        ((node, *_),) = self._collect(of, (selected,)).values()
        return node

    def plan(self, of: GraphQLObjectType, node: FieldNode) -> Plan:
        """Return the plan of the root field `node`."""
        kind = of.fields[node.name.value].type
        return Plan(node.alias.value if node.alias else node.name.value, self._value(kind, [node]))

    def _value(self, kind: Any, nodes: list[FieldNode]) -> Complete:
        if isinstance(kind, GraphQLNonNull):
            return self._present(kind.of_type, nodes)
        complete = self._present(kind, nodes)
        return lambda found: None if found is None else complete(found)

    def _present(self, kind: Any, nodes: list[FieldNode]) -> Complete:
        if isinstance(kind, GraphQLList):
            each = self._value(kind.of_type, nodes)
            return lambda found: [each(one) for one in found]
        if isinstance(kind, GraphQLScalarType):
            return _same if is_specified_scalar_type(kind) else kind.serialize
        if isinstance(kind, GraphQLEnumType):
            return _enum
        if is_abstract_type(kind):
            return self._by_type(kind, nodes)
        return self._object(kind, nodes)

    def _by_type(self, kind: GraphQLAbstractType, nodes: list[FieldNode]) -> Complete:
        by_name = {one.name: self._object(one, nodes) for one in self._schema.get_possible_types(kind)}
        return lambda found: by_name[type(found).__strawberry_definition__.name](found)

    def _object(self, kind: GraphQLObjectType, nodes: list[FieldNode]) -> Complete:
        selected = tuple([node.selection_set for node in nodes if node.selection_set is not None])
        fields = [(key, *self._field(kind, found)) for key, found in self._collect(kind, selected).items()]

        def complete(item: Any) -> dict[str, Any]:
            return {key: convert(get(item)) for key, get, convert in fields}

        return complete

    def _field(self, kind: GraphQLObjectType, nodes: list[FieldNode]) -> tuple[Complete, Complete]:
        name = nodes[0].name.value
        if name == TYPENAME:
            return (lambda _: kind.name), _same
        field = kind.fields[name]
        return attrgetter(field.extensions[DEFINITION].python_name), self._value(field.type, nodes)

    def _collect(self, kind: GraphQLObjectType, selected: tuple[SelectionSetNode, ...]) -> Fields:
        fields: Fields = {}
        for selection in selected:
            for node in self._nodes(kind, selection, set()):
                fields.setdefault(node.alias.value if node.alias else node.name.value, []).append(node)
        return fields

    def _nodes(
        self, kind: GraphQLObjectType, selected: SelectionSetNode, seen: set[str]
    ) -> Iterator[FieldNode]:
        for one in selected.selections:
            if not self._included(one):
                continue
            if isinstance(one, FieldNode):
                yield one
                continue
            inner: FragmentDefinitionNode | InlineFragmentNode
            if isinstance(one, FragmentSpreadNode):
                if one.name.value in seen:
                    continue
                seen.add(one.name.value)
                inner = self._fragments[one.name.value]
            else:
                assert isinstance(one, InlineFragmentNode)
                inner = one
            if self._applies(inner, kind):
                yield from self._nodes(kind, inner.selection_set, seen)

    def _applies(self, inner: FragmentDefinitionNode | InlineFragmentNode, kind: GraphQLObjectType) -> bool:
        if inner.type_condition is None:
            return True
        on: Any = self._schema.get_type(inner.type_condition.name.value)
        return on is kind or (is_abstract_type(on) and self._schema.is_sub_type(on, kind))

    def _included(self, node: SelectionNode) -> bool:
        skip = get_directive_values(GraphQLSkipDirective, node, self._variables)
        include = get_directive_values(GraphQLIncludeDirective, node, self._variables)
        return not (skip and skip["if"]) and not (include and not include["if"])


TYPENAME: Final = "__typename"
DEFINITION: Final = "strawberry-definition"


def _same(found: Any) -> Any:
    return found


def _enum(found: Any) -> Any:
    return found.value if isinstance(found, Enum) else found
