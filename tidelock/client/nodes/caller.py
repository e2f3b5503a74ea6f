"""Calling a service: choose an instance, call it, and where that fails perhaps another.

async def get(instance):
    return await http.get(f"http://{instance.address}/price")

price = await client.service("prices").call(get, key=item, fallback=lambda error: LIST_PRICE)
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from tidelock.client.clock import Clock
from tidelock.client.errors import BadArgument, NoInstance
from tidelock.client.nodes.breaker import BreakerTerms
from tidelock.client.nodes.budget import RetryBudget
from tidelock.client.nodes.instance import Instance
from tidelock.client.nodes.peers import Peer, Peers
from tidelock.client.nodes.picker import BALANCES, Balance, Picker
from tidelock.client.nodes.watched import Watched

_T = TypeVar("_T")


def any_error(error: Exception) -> bool:  # noqa: ARG001 - one of many judges
    """Count every exception as a failure of the instance."""
    return True


@dataclass(frozen=True, slots=True)
class CallTerms:
    """How a service is called."""

    balance: Balance = "round_robin"
    """`weighted` by the instances' weights, `least_calls`: of this caller's own. A key overrides it."""
    zone: str | None = None
    """Call this zone first; None: that of this client's node, if it is one; '': none."""
    attempts: int = 3
    """Instances to try at the most."""
    retry_on: tuple[type[Exception], ...] = (ConnectionRefusedError,)
    """After which errors the call may be made again elsewhere: only such as say that it was not executed, or any if
    executing it twice does no harm."""
    is_failure: Callable[[Exception], bool] = any_error
    """Whether an exception tells that the instance fails; others ("no such order") are the caller's own."""
    breaker: BreakerTerms = field(default_factory=BreakerTerms)
    retry_share: float = 0.2
    """Retries per call in the long run, at the most."""


class Caller:
    """Calls one service, and learns from how that goes. Shared by all tasks of a program."""

    def __init__(self, watched: Watched, terms: CallTerms, clock: Clock) -> None:
        if terms.balance not in BALANCES:
            raise BadArgument(f"balance {terms.balance!r} is unknown. Choose one of: {', '.join(BALANCES)}.")
        self.watched = watched
        self.terms = terms
        self.clock = clock
        self.budget = RetryBudget(terms.retry_share)
        self._peers = Peers(terms.breaker)
        self._picker = Picker(terms.balance, terms.zone or "")

    async def call(
        self,
        fn: Callable[[Instance], Awaitable[_T]],
        *,
        key: str | None = None,
        fallback: Callable[[Exception], _T | Awaitable[_T]] | None = None,
    ) -> _T:
        """Return what `fn` returns for an instance; calls of one `key` go to the same one as long as it can be called.

        If no instance can be called (`NoInstance`), or the last one tried failed, `fallback` makes the result of that
        error; without one it is raised.
        """
        call = self.begin(key)
        try:
            return await _tried(call, fn)
        except Exception as error:
            if fallback is None or not (isinstance(error, NoInstance) or self.terms.is_failure(error)):
                raise
            made = fallback(error)
        return await made if inspect.isawaitable(made) else made

    def begin(self, key: str | None = None) -> "Call":
        """Return a call that the program makes itself: `call.next()`, then `call.succeeded()` or `call.failed(...)`."""
        self.budget.call()
        return Call(self, key)

    async def take(self, key: str | None, tried: list[Peer]) -> Peer | None:
        """Return the peer to call next; None: there is none that was not tried."""
        peers = self._peers.of(await self.watched.now())
        return self._picker.pick(peers, self.clock.now(), key, tried)


class Call:
    """One call, which may take several attempts."""

    def __init__(self, caller: Caller, key: str | None) -> None:
        self._caller = caller
        self._key = key
        self._tried: list[Peer] = []
        self._peer: Peer | None = None
        self._trial = False
        self._error: Exception | None = None

    async def next(self) -> Instance:
        """Return the instance to call now. Raises `NoInstance`, or the error of the attempt before."""
        peer = await self._caller.take(self._key, self._tried)
        if peer is None:
            raise self._error or no_instance(self._caller.watched.service)
        self._peer, self._trial = peer, peer.breaker.begin()
        self._tried.append(peer)
        peer.open_calls += 1
        return peer.instance

    def succeeded(self) -> None:
        """The attempt did what it should."""
        self._end(False)

    def failed(self, error: BaseException) -> bool:
        """The attempt raised `error`; return whether to try the `next` instance."""
        if not isinstance(error, Exception) or isinstance(error, asyncio.CancelledError):
            self._end(None)
            return False
        terms = self._caller.terms
        failure = terms.is_failure(error)
        self._end(failure)
        self._error = error
        again = failure and isinstance(error, terms.retry_on) and len(self._tried) < terms.attempts
        return again and self._caller.budget.retry()

    def _end(self, failed: bool | None) -> None:
        peer, self._peer = self._peer, None
        assert peer is not None, "next() comes first"
        peer.open_calls -= 1
        peer.breaker.end(self._trial, failed, self._caller.clock.now())


async def _tried(call: Call, fn: Callable[[Instance], Awaitable[_T]]) -> _T:
    while True:
        instance = await call.next()
        try:
            result = await fn(instance)
        except BaseException as error:
            if not call.failed(error):
                raise
        else:
            call.succeeded()
            return result


def no_instance(service: str) -> NoInstance:
    """Return the error for a service of which nothing can be called."""
    error = NoInstance(
        f"No instance of service {service!r} can be called: none is offered, healthy, not draining and with a "
        "closed circuit. See client.service(...).instances(); give a fallback."
    )
    error.service = service
    return error
