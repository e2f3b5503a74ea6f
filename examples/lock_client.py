"""The client in a nutshell: hold a lock, use its fencing token, let others wait.

TIDELOCK_WORKERS=127.0.0.1:7400 TIDELOCK_TOKEN=dev python examples/lock_client.py
"""

import asyncio

import tidelock


class Ledger:
    """A resource that checks fencing tokens: it refuses whoever was paused too long and does not know it."""

    def __init__(self) -> None:
        self.greatest_token = 0
        self.entries: list[str] = []

    def write(self, entry: str, token: int) -> None:
        """Take an entry unless a later holder has written before."""
        if token < self.greatest_token:
            raise PermissionError(f"token {token} is stale: {self.greatest_token} has written already")
        self.greatest_token = token
        self.entries.append(entry)


async def work(client: tidelock.Client, ledger: Ledger, who: str) -> None:
    """Write to the ledger while nobody else does."""
    async with client.lock("ledger/7", ttl=10, wait=30) as held:
        ledger.write(f"{who} was here", held.token)
        await asyncio.sleep(0.1)  # the lease is renewed for as long as this block runs
    print(f"{who} wrote under token {held.token}")


async def main() -> None:
    """Let five tasks take turns, then try a lock that is taken."""
    ledger = Ledger()
    async with tidelock.connect() as client:
        await asyncio.gather(*(work(client, ledger, f"task {number}") for number in range(5)))
        async with client.lock("ledger/7"):
            try:
                await client.lock("ledger/7", wait=0).acquire()
            except tidelock.LockBusy as busy:
                print(f"{busy.code}: {busy}")
    print(ledger.entries)


if __name__ == "__main__":
    asyncio.run(main())
