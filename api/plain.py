"""GraphQL's executor, but plain selections are completed at once (`selections`): ADR 17."""

from collections import OrderedDict
from typing import Any, Final

from graphql import FieldNode, GraphQLObjectType
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from api.selections import Complete, NotPlain, Selections

REMEMBERED: Final = 256
"""Operations. As many as there are documents."""


class Plans:
    """What was worked out for the operations of one schema. The schema owns it."""

    def __init__(self) -> None:
        self._known: OrderedDict[object, tuple[object, dict[Any, Any]]] = OrderedDict()

    def of(self, operation: object, flags: object = ()) -> dict[Any, Any]:
        """Return what is known of an operation, to be added to; `flags`: what else it depends on.

        Nodes may be known by where they are in memory: the operation, which holds them, is held here.
        """
        key = (id(operation), flags)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = (operation, {})
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return found[1]


class PlainExecutor(StrawberryGraphQLCoreExecutionContext):
    """Completes plain selections at once. `plans`: those of its operation."""

    def __init__(self, *args: Any, plans: dict[Any, Complete | None], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._plans = plans

    def complete_object_value(  # noqa: D102 - graphql-core's
        self,
        return_type: GraphQLObjectType,
        field_details_list: Any,
        info: Any,
        path: Any,
        result: Any,
        context: Any,
    ) -> Any:
        nodes = [each.node for each in field_details_list]
        key = (return_type.name, *map(id, nodes))
        if key not in self._plans:
            self._plans[key] = self._planned(return_type, nodes)
        plain = self._plans[key]
        if plain is not None:
            try:
                return plain(result)
            except Exception:  # noqa: S110 - the long way meets it again, and tells
                pass
        return super().complete_object_value(return_type, field_details_list, info, path, result, context)

    def _planned(self, kind: GraphQLObjectType, nodes: list[FieldNode]) -> Complete | None:
        try:
            return Selections(self.schema, self.fragment_definitions).object(kind, nodes)
        except NotPlain:
            return None
