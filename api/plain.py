"""Plain selections at once: what only reads attributes needs no resolver call a field.

graphql-core spends some 10 µs a field, most of it on what a plain attribute can never need: awaitables, paths, `info`.
A selection is plain if it and all below it are attributes of rows, without arguments or directives. Such a one becomes
a function, made once a document. Whatever is not as expected goes the long way, which finds out what is wrong, and
where: so errors are the same. The tests hold the two ways equal.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Any, Final, TypeAlias

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLScalarType,
    InlineFragmentNode,
    SelectionSetNode,
)
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.schema.schema_converter import GraphQLCoreConverter

Plain: TypeAlias = Callable[[Any], Any]
REMEMBERED: Final = 256
"""Operations. As many as there are documents."""
_LEAST, _GREATEST = -(2**31), 2**31 - 1


class NotPlain(Exception):
    """This goes the long way."""


class Plans:
    """The plain selections of one schema's operations."""

    def __init__(self) -> None:
        self._by_operation: OrderedDict[int, tuple[object, dict[tuple[int, str], Plain | None]]] = (
            OrderedDict()
        )

    def of(self, operation: object) -> dict[tuple[int, str], Plain | None]:
        """Return the selections of an operation by (field node, type). Nodes are known by where they are in memory:
        the operation, which holds them, is held here.
        """
        known = self._by_operation.get(id(operation))
        if known is None:
            known = self._by_operation[id(operation)] = (operation, {})
            if len(self._by_operation) > REMEMBERED:
                self._by_operation.popitem(last=False)
        return known[1]


class PlainExecutor(StrawberryGraphQLCoreExecutionContext):
    """Completes plain selections at once."""

    plans = Plans()

    def complete_object_value(  # noqa: D102 - graphql-core's
        self,
        return_type: GraphQLObjectType,
        field_details_list: Any,
        info: Any,
        path: Any,
        result: Any,
        context: Any,
    ) -> Any:
        if len(field_details_list) == 1:
            node = field_details_list[0].node
            plans, key = self.plans.of(self.operation), (id(node), return_type.name)
            if key not in plans:
                plans[key] = self._planned(return_type, node)
            plain = plans[key]
            if plain is not None:
                try:
                    return plain(result)
                except Exception:  # noqa: S110 - the long way meets it again, and tells
                    pass
        return super().complete_object_value(return_type, field_details_list, info, path, result, context)

    def _planned(self, type_: GraphQLObjectType, node: FieldNode) -> Plain | None:
        try:
            return self._object(type_, node)
        except NotPlain:
            return None

    def _object(self, type_: GraphQLObjectType, node: FieldNode) -> Plain:
        assert node.selection_set is not None
        steps: dict[str, tuple[str, Plain]] = {}
        for field in self._fields(type_, node.selection_set):
            key = (field.alias or field.name).value
            if key in steps:
                raise NotPlain
            steps[key] = self._step(type_, field)
        read = attrgetter(
            *[attribute for attribute, _ in steps.values()], "__class__"
        )  # several: always a tuple
        finishes = [(key, finish) for key, (_, finish) in steps.items()]

        def complete(source: Any) -> dict[str, Any]:
            return {key: finish(value) for (key, finish), value in zip(finishes, read(source), strict=False)}

        return complete

    def _fields(self, type_: GraphQLObjectType, selected: SelectionSetNode) -> Iterator[FieldNode]:
        for selection in selected.selections:
            if selection.directives:
                raise NotPlain
            if isinstance(selection, FieldNode):
                yield selection
                continue
            fragment: Any = selection
            if isinstance(selection, FragmentSpreadNode):
                fragment = self.fragment_definitions[selection.name.value]
            elif not isinstance(selection, InlineFragmentNode):
                raise NotPlain
            condition = fragment.type_condition
            if fragment.directives or (condition is not None and condition.name.value != type_.name):
                raise NotPlain
            yield from self._fields(type_, fragment.selection_set)

    def _step(self, type_: GraphQLObjectType, node: FieldNode) -> tuple[str, Plain]:
        name = node.name.value
        if name == "__typename":
            return "__class__", lambda _: type_.name
        field = type_.fields[name]
        definition = (field.extensions or {}).get(GraphQLCoreConverter.DEFINITION_BACKREF)
        if definition is None or not definition.is_basic_field or field.args:
            raise NotPlain
        return definition.python_name, self._value(field.type, node)

    def _value(self, type_: GraphQLOutputType, node: FieldNode) -> Plain:
        if isinstance(type_, GraphQLNonNull):
            return self._present(type_.of_type, node)
        finish = self._present(type_, node)
        return lambda value: None if value is None else finish(value)

    def _present(self, type_: GraphQLOutputType, node: FieldNode) -> Plain:
        match type_:
            case GraphQLList():
                finish = self._value(type_.of_type, node)
                return lambda values: [finish(value) for value in values]
            case GraphQLObjectType():
                return self._object(type_, node)
            case GraphQLEnumType():
                return _names(type_).__getitem__
            case GraphQLScalarType():
                return _LEAVES.get(type_.name) or _strict(type_.coerce_output_value)
            case _:
                raise NotPlain


def _int(value: Any) -> int:
    if type(value) is int and _LEAST <= value <= _GREATEST:
        return value
    raise NotPlain


def _strict(finish: Plain) -> Plain:
    def present(value: Any) -> Any:
        if value is None:
            raise NotPlain
        return finish(value)

    return present


_LEAVES: Final[dict[str, Plain]] = {
    "String": str.__str__,
    "Int": _int,
    "Boolean": {True: True, False: False}.__getitem__,
    "Long": int.__repr__,
}
"""For the commonest: each refuses what is of another type."""


def _names(type_: GraphQLEnumType) -> dict[Any, str]:
    names: dict[Any, str] = {}
    for name, known in type_.values.items():
        names[known.value] = name
        names[getattr(type_, "wrapped_cls", lambda value: value)(known.value)] = name
    return names
