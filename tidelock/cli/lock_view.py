"""How one lock is shown."""

from dataclasses import asdict

from streams.domain.locks.replies import LockState
from tidelock.cli import show
from tidelock.client.client import Client


def lock_view(client: Client, name: str, state: LockState, json: bool) -> None:
    """Print the lock with what is left of its leases and waits, in s, at least."""
    session = client._session
    partition = session.partition_of("locks", name)

    def left(lease_ms: int) -> float:
        return round(max(0.0, partition.trusted_until(lease_ms) - session.clock.now()), 1)

    if json:
        holders = [asdict(holder) | {"left_s": left(holder.expires_at)} for holder in state.holders]
        waiters = [asdict(waiter) | {"left_s": left(waiter.wait_until)} for waiter in state.waiters]
        shown = asdict(state) | {"holders": holders, "waiters": waiters}
        show.as_json({"name": name, "partition": partition.number} | shown)
        return
    delay = "" if state.delay_until is None else f", in its lock-delay for {left(state.delay_until)} s"
    counts = f"{state.holder_count} holding, {state.waiter_count} waiting"
    show.say(f"{name}: {state.mode}, {counts}{delay} (partition {partition.number})")
    if not state.holders and not state.waiters:
        return
    table = show.table(
        None,
        "who",
        "mode",
        "token or ticket",
        "left",
        "principal",
        "client",
        "handle",
        right=frozenset({"left"}),
    )
    for holder in state.holders:
        place = (holder.principal, holder.client, holder.handle)
        table.add_row("holds", holder.mode, str(holder.token), f"{left(holder.expires_at)} s", *place)
    for waiter in state.waiters:
        place = (waiter.principal, waiter.client, waiter.handle)
        wish = waiter.mode if waiter.upgrade_of is None else "upgrade"
        table.add_row("waits", wish, str(waiter.ticket), f"{left(waiter.wait_until)} s", *place)
    show.out.print(table)
