"""Subscribers over real connections, who go on wherever they can, and the log that their accounts are held against."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, WebSocketException
from websockets.typing import Subprotocol

from storage.kafka.log import KafkaTopicReader
from storage.kafka.topic_facts import ends_of
from streams.domain.locks.evolve import evolve
from streams.domain.locks.kind import LOCKS
from streams.domain.locks.state import FREE
from streams.log.accepted import CommitReader
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary

EVENTS = """subscription($name: String, $prefix: String, $after: String) {
    it: lockEvents(name: $name, prefix: $prefix, after: $after) { cursor name position index why __typename } }"""
LOCK = """subscription($name: String!, $after: String) {
    it: lock(name: $name, after: $after) { cursor name position state { holders { token } waiters { ticket } } } }"""
PROTOCOL = Subprotocol("graphql-transport-ws")
PAUSE_S = 0.02
RETRY = {"SERVER_STOPPING", "CURSOR_AHEAD", "LOG_UNAVAILABLE", "READS_UNAVAILABLE"}


class Over(Exception):
    """The server ended a subscription; `extensions` says why."""

    def __init__(self, extensions: dict[str, Any]) -> None:
        super().__init__(str(extensions))
        self.extensions = extensions


async def over_socket(
    address: str, token: str, query: str, variables: dict[str, Any], receive_bytes: int | None = None
) -> AsyncIterator[dict[str, Any]]:
    """Yield items; raises `Over`, `WebSocketException`, `OSError`."""
    own = None
    if receive_bytes is not None:
        host, port = address.split(":")
        own = socket.socket()
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        own.setblocking(False)
        await asyncio.get_running_loop().sock_connect(own, (host, int(port)))
    async with connect(
        f"ws://{address}/graphql",
        subprotocols=[PROTOCOL],
        compression=None,
        sock=own,
        max_queue=1,
        open_timeout=20,
    ) as connection:
        await _say(connection, {"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}})
        assert json.loads(await connection.recv()) == {"type": "connection_ack"}
        payload = {"query": query, "variables": variables}
        await _say(connection, {"type": "subscribe", "id": "1", "payload": payload})
        async for text in connection:
            message = json.loads(text)
            if message["type"] == "error":
                raise Over(message["payload"][0]["extensions"])
            yield cast("dict[str, Any]", message["payload"]["data"]["it"])


async def over_events(
    address: str, token: str, query: str, variables: dict[str, Any]
) -> AsyncIterator[dict[str, Any]]:
    """Yield items of an event stream, resumed by Last-Event-ID; raises `Over`, `httpx.HTTPError`."""
    headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
    after = variables.pop("after", None)
    if after is not None:
        headers["Last-Event-ID"] = after
    async with (
        httpx.AsyncClient(headers=headers, timeout=60) as http,
        http.stream(
            "POST", f"http://{address}/graphql", json={"query": query, "variables": variables}
        ) as answer,
    ):
        async for line in answer.aiter_lines():
            if line.startswith("data: {"):
                body = json.loads(line[6:])
                if "errors" in body:
                    raise Over(body["errors"][0]["extensions"])
                yield body["data"]["it"]


async def _say(connection: ClientConnection, message: dict[str, Any]) -> None:
    await connection.send(json.dumps(message))


@dataclass
class User:
    """One who watches, for as long as it takes, at whichever node answers."""

    query: str
    variables: dict[str, Any]
    transport: Any = over_socket
    items: list[dict[str, Any]] = field(default_factory=list)
    resumed: int = 0
    first: asyncio.Event = field(default_factory=asyncio.Event)

    async def watch(self, addresses: Sequence[str], token: str) -> None:
        """Follow `addresses` in turn, from the last cursor on."""
        turn = 0
        while True:
            given = dict(self.variables)
            if self.items:
                given["after"] = self.items[-1]["cursor"]
            try:
                async for item in self.transport(addresses[turn % len(addresses)], token, self.query, given):
                    self.items.append(item)
                    self.first.set()
            except Over as over:
                assert over.extensions["code"] in RETRY, over
                await asyncio.sleep(PAUSE_S)
            except (OSError, WebSocketException, InvalidHandshake, TimeoutError, httpx.HTTPError):
                await asyncio.sleep(PAUSE_S)
            turn += 1
            self.resumed += 1


class Truth:
    """What the log itself holds, read from its beginning."""

    def __init__(self) -> None:
        self.events: dict[str, list[tuple[str, int]]] = {}
        """Of each lock: (position, index)."""
        self.states: dict[str, list[tuple[str, list[str], list[str]]]] = {}
        """Of each lock, after each decision: position, tokens, tickets."""
        self.order: list[tuple[str, str, int]] = []
        """(lock, position, index), partition by partition."""

    @classmethod
    async def read(cls, kafka: str, tenant: str = "dev") -> Truth:
        truth, words = cls(), Vocabulary(LOCKS)
        for (_, partition), end in sorted(
            (await ends_of(kafka, [PartitionId("locks", 0).log_topic])).items()
        ):
            where = PartitionId("locks", partition)
            reader = CommitReader(where, words)
            locks: dict[str, Any] = {}
            async for records in KafkaTopicReader(kafka, where.log_topic, partition).read(0, end):
                for stored in records:
                    commit = reader.read(stored)
                    if commit is not None:
                        truth._commit(commit, tenant, locks)
        return truth

    def _commit(self, commit: Any, tenant: str, locks: dict[str, Any]) -> None:
        index, position = 0, str(commit.position)
        for decided in commit.decided:
            own, _, name = decided.decision.key.partition("/")
            lock = locks.get(decided.decision.key, FREE)
            for event in decided.events:
                if own == tenant:
                    self.events.setdefault(name, []).append((position, index))
                    self.order.append((name, position, index))
                lock = evolve(lock, event)
                index += 1
            locks[decided.decision.key] = lock
            if decided.events and own == tenant:
                shown = ([str(one.token) for one in lock.holders], [str(one.ticket) for one in lock.waiters])
                self.states.setdefault(name, []).append((position, *shown))

    def due(self, user: User) -> list[Any]:
        """Return all that `user` should have, from the beginning of the log, in the form of `got`."""
        if user.query == LOCK:
            return list(self.states.get(user.variables["name"], []))
        if "prefix" in user.variables:
            return [one for one in self.order if one[0].startswith(user.variables["prefix"])]
        return list(self.events.get(user.variables["name"], []))


def got(user: User) -> list[Any]:
    """Return what `user` got, as `Truth.due` tells it."""
    if user.query == LOCK:
        return [
            (
                item["position"],
                [one["token"] for one in item["state"]["holders"]],
                [one["ticket"] for one in item["state"]["waiters"]],
            )
            for item in user.items
        ]
    if "prefix" in user.variables:
        return [(item["name"], item["position"], item["index"]) for item in user.items]
    return [(item["position"], item["index"]) for item in user.items]


def gaps(user: User, truth: Truth) -> list[str]:
    """Return what is missing, doubled or out of order between the first item of `user` and the end of the log."""
    found, account, due = [], got(user), truth.due(user)
    if user.query == LOCK:
        account = account[1:]  # the first is the read model's
    partitions = {_partition(one): None for one in due}
    for partition in partitions:
        mine = [one for one in account if _partition(one) == partition]
        theirs = [one for one in due if _partition(one) == partition]
        if mine and mine != theirs[len(theirs) - len(mine) :]:
            found.append(
                f"{user.variables} in {partition}: got {len(mine)}, which are not the last {len(mine)}"
            )
    return found


def complete(user: User, truth: Truth) -> bool:
    """Say whether `user` has the last of everything."""
    account, due = got(user), truth.due(user)
    last = {_partition(one): one for one in due}
    mine = {_partition(one): one for one in account}
    return all(mine.get(partition) == one for partition, one in last.items() if partition in mine)


def _partition(one: Any) -> str:
    position = one[1] if len(one) == 3 and isinstance(one[1], str) else one[0]
    return str(position).partition("@")[0]
