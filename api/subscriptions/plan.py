"""What a subscription selects, worked out once: from an item to the JSON that is sent.

GraphQL's executor takes some 400 µs an item, whoever else is sent the same; a live item is plain values down to its
leaves, so that its selection is one function (`api.selections`). A rendered item is kept with the item, for the next
subscriber who selects the same.
"""

import json
from typing import Any

from graphql import DocumentNode, FieldNode, FragmentDefinitionNode, GraphQLObjectType, GraphQLSchema
from graphql import OperationDefinitionNode as Operation
from graphql.execution.values import VariableValues

from api.selections import Complete, Selections

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
        fragments = {
            one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)
        }
        self._selections = Selections(schema, fragments, variables)

    def root(self, of: GraphQLObjectType, operation: Operation) -> FieldNode:
        """Return the one field of a subscription: what is valid has no other, and no @skip there."""
        ((node, *_),) = self._selections.fields(of, (operation.selection_set,)).values()
        return node

    def plan(self, of: GraphQLObjectType, node: FieldNode) -> Plan:
        """Return the plan of the root field `node`."""
        complete = self._selections.value(of.fields[node.name.value].type, [node])
        return Plan((node.alias or node.name).value, complete)
