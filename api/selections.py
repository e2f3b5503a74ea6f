"""Selections as functions: from a row, or a live item, to what is answered of it, worked out once.

A selection is plain if it and all below it only read attributes: no resolvers, no arguments. graphql-core spends some
10 µs on each field of it, on what a plain one can never need: awaitables, paths, `info`. Whatever is not as expected
raises: GraphQL's executor finds out what is wrong, and where. Tests hold the two equal.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final, TypeAlias

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLAbstractType,
    GraphQLEnumType,
    GraphQLIncludeDirective,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLSkipDirective,
    InlineFragmentNode,
    SelectionNode,
    SelectionSetNode,
    get_directive_values,
    is_abstract_type,
)
from graphql.execution.values import VariableValues
from strawberry.schema.schema_converter import GraphQLCoreConverter

Complete: TypeAlias = Callable[[Any], Any]
DEFINITION: Final = GraphQLCoreConverter.DEFINITION_BACKREF
"""Where a field has what Strawberry knows of it."""
_LEAST, _GREATEST = -(2**31), 2**31 - 1


class NotPlain(Exception):
    """This is the executor's to answer."""


class Selections:
    """The selections of one operation; without `variables`, those with directives are not plain."""

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: VariableValues | None = None,
    ) -> None:
        self._schema, self._fragments, self._variables = schema, fragments, variables

    def fields(
        self, kind: GraphQLObjectType, selected: Collection[SelectionSetNode]
    ) -> dict[str, list[FieldNode]]:
        """Return what is selected of an object, by the names in the answer. Raises `NotPlain`."""
        fields: dict[str, list[FieldNode]] = {}
        seen: set[str] = set()
        for selection in selected:
            for node in self._nodes(kind, selection, seen):
                fields.setdefault((node.alias or node.name).value, []).append(node)
        return fields

    def value(self, kind: GraphQLOutputType, nodes: Sequence[FieldNode]) -> Complete:
        """Return the function for the value of a field. Raises `NotPlain`; the function raises what it will."""
        if isinstance(kind, GraphQLNonNull):
            return self._present(kind.of_type, nodes)
        complete = self._present(kind, nodes)
        return lambda found: None if found is None else complete(found)

    def object(self, kind: GraphQLObjectType, nodes: Sequence[FieldNode]) -> Complete:
        """Return the function for an object of a known type."""
        selected = [node.selection_set for node in nodes if node.selection_set is not None]
        steps = {key: self._step(kind, found) for key, found in self.fields(kind, selected).items()}
        # of several, always a tuple
        read = attrgetter(*[attribute for attribute, _ in steps.values()], "__class__")
        finishes = [(key, finish) for key, (_, finish) in steps.items()]

        def complete(source: Any) -> dict[str, Any]:
            return {key: finish(found) for (key, finish), found in zip(finishes, read(source), strict=False)}

        return complete

    def _present(self, kind: Any, nodes: Sequence[FieldNode]) -> Complete:
        if isinstance(kind, GraphQLList):
            each = self.value(kind.of_type, nodes)
            return lambda found: [each(one) for one in found]
        if isinstance(kind, GraphQLScalarType):
            return _LEAVES.get(kind.name) or _not_null(kind.coerce_output_value)
        if isinstance(kind, GraphQLEnumType):
            return _names(kind).__getitem__
        return self._by_type(kind, nodes) if is_abstract_type(kind) else self.object(kind, nodes)

    def _by_type(self, kind: GraphQLAbstractType, nodes: Sequence[FieldNode]) -> Complete:
        several = [(one, self.object(one, nodes)) for one in self._schema.get_possible_types(kind)]
        known: dict[type, Complete] = {}

        def complete(found: Any) -> Any:
            of = type(found)
            if of not in known:
                known[of] = next((each for one, each in several if _is(one, found)), _refuse)
            return known[of](found)

        return complete

    def _step(self, kind: GraphQLObjectType, nodes: Sequence[FieldNode]) -> tuple[str, Complete]:
        name = nodes[0].name.value
        if name == "__typename":
            return "__class__", lambda _: kind.name
        field = kind.fields[name]
        definition = (field.extensions or {}).get(DEFINITION)
        if definition is None or not definition.is_basic_field or field.args:
            raise NotPlain
        return definition.python_name, self.value(field.type, nodes)

    def _nodes(
        self, kind: GraphQLObjectType, selected: SelectionSetNode, seen: set[str]
    ) -> Iterator[FieldNode]:
        for one in selected.selections:
            if one.directives and not self._included(one):
                continue
            if isinstance(one, FieldNode):
                yield one
                continue
            inner: Any = one
            if isinstance(one, FragmentSpreadNode):
                if one.name.value in seen:
                    continue
                seen.add(one.name.value)
                inner = self._fragments[one.name.value]
            if self._applies(inner, kind):
                yield from self._nodes(kind, inner.selection_set, seen)

    def _applies(self, inner: FragmentDefinitionNode | InlineFragmentNode, kind: GraphQLObjectType) -> bool:
        if inner.type_condition is None or inner.type_condition.name.value == kind.name:
            return True
        on: Any = self._schema.get_type(inner.type_condition.name.value)
        return is_abstract_type(on) and self._schema.is_sub_type(on, kind)

    def _included(self, node: SelectionNode) -> bool:
        if self._variables is None:
            raise NotPlain
        skip = get_directive_values(GraphQLSkipDirective, node, self._variables)
        include = get_directive_values(GraphQLIncludeDirective, node, self._variables)
        return not (skip and skip["if"]) and not (include and not include["if"])


def _is(kind: GraphQLObjectType, found: object) -> bool:
    """Say whether `found` is of the type: as an instance of it, or because that says so of rows."""
    definition = getattr(type(found), "__strawberry_definition__", None)
    if definition is not None:
        return bool(definition.name == kind.name)
    is_type_of: Any = kind.is_type_of
    return is_type_of is not None and bool(is_type_of(found, None))


def _refuse(_: object) -> Any:
    raise NotPlain


def _int(found: Any) -> int:
    if type(found) is int and _LEAST <= found <= _GREATEST:
        return found
    raise NotPlain


def _not_null(finish: Complete) -> Complete:
    def present(found: Any) -> Any:
        if found is None:
            raise NotPlain
        return finish(found)

    return present


_LEAVES: Final[dict[str, Complete]] = {
    "String": str.__str__,
    "Int": _int,
    "Boolean": {True: True, False: False}.__getitem__,
    "Long": int.__repr__,
}
"""For the commonest: each refuses what is of another type."""


def _names(kind: GraphQLEnumType) -> dict[Any, str]:
    names: dict[Any, str] = {}
    for name, known in kind.values.items():
        names[known.value] = name
        names[getattr(kind, "wrapped_cls", lambda value: value)(known.value)] = name
    return names
