"""From a request to the stream of its answers, each as the JSON text that is sent, with its cursor."""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    get_argument_values,
    get_operation_ast,
)
from graphql.execution.values import VariableValues, get_variable_values

from api.context import context_of
from api.errors import BadRequest
from api.http import MUTATION_S, NOT_ALLOWED, Asked, GraphQLOverHttp
from api.identity import Identity
from api.present import present
from api.schema import Schema
from api.selections import DEFINITION
from api.services import Services
from api.subscriptions.plan import Plan, Planner
from api.subscriptions.shares import Share
from streams.domain.value import value

LIVE = "live"


@value
class Answer:
    """One answer of a stream."""

    text: str
    cursor: str | None


class Operations:
    """Runs whatever comes over a stream: subscriptions live, everything else by the ordinary way."""

    def __init__(
        self, schema: Schema, services: Services, http: GraphQLOverHttp, subscriptions: Share
    ) -> None:
        self._schema = schema
        self._graphql = schema._schema
        self._services = services
        self._http = http
        self._subscriptions = subscriptions

    async def answers(
        self, asked: Asked, who: Identity, after: str | None = None, *, writes: bool = True
    ) -> AsyncGenerator[Answer]:
        """Yield the answers; `after`, if given, goes before that of the request. Raises `GraphQLError`, presentable.

        `writes`: whether a mutation may come this way.
        """
        try:
            document, operation = self._operation(asked)
            if operation.operation is OperationType.MUTATION and not writes:
                raise BadRequest(
                    "What is asked by GET changes nothing. Send mutations by POST.", code=NOT_ALLOWED
                )
            if operation.operation is not OperationType.SUBSCRIPTION:
                body = await self._http.answered(asked, context_of(self._services, who), MUTATION_S)
                yield Answer(json.dumps(body), None)  # in ASCII: it may quote what no UTF-8 can express
                return
            plan, items = self._subscription(document, operation, asked, who, after)
            with self._subscriptions.one(who):
                async with aclosing(items):
                    async for item in items:
                        yield Answer(plan.render(item), item.cursor)
        except GraphQLError as error:
            raise present(error) from None
        except Exception as error:
            raise present(GraphQLError(str(error), original_error=error)) from error

    def _operation(self, asked: Asked) -> tuple[DocumentNode, OperationDefinitionNode]:
        document, errors = self._schema.documents.document(asked.query)
        if document is None:
            raise errors[0]
        operation = get_operation_ast(document, asked.operation)
        if operation is None:
            raise BadRequest("`operationName` names no operation of the query. Name one that it has.")
        return document, operation

    def _subscription(
        self,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        asked: Asked,
        who: Identity,
        after: str | None,
    ) -> tuple[Plan, AsyncGenerator[Any]]:
        variables = get_variable_values(
            self._graphql, operation.variable_definitions or (), asked.variables or {}
        )
        if not isinstance(variables, VariableValues):
            raise BadRequest(variables[0].message, code="GRAPHQL_INVALID")
        root = self._graphql.subscription_type
        assert root is not None
        planner = Planner(self._graphql, document, variables)
        node = planner.root(root, operation)
        field = root.fields[node.name.value]
        given = get_argument_values(field, node, variables)
        if after is not None:
            given["after"] = after
        stream = self._services.stream(field.extensions[DEFINITION].python_name)
        return self._plan(planner, node, operation, variables), stream(who.tenant, **given)

    def _plan(
        self, planner: Planner, node: FieldNode, operation: OperationDefinitionNode, variables: VariableValues
    ) -> Plan:
        """Return the plan of a selection, which depends on the variables that are no texts: those of directives."""
        flags = tuple(sorted((name, one) for name, one in variables.coerced.items() if isinstance(one, bool)))
        plans = self._schema.plans.of(operation, flags)
        if LIVE not in plans:
            root = self._graphql.subscription_type
            assert root is not None
            plans[LIVE] = planner.plan(root, node)
        plan: Plan = plans[LIVE]
        return plan
