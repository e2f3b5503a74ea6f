"""Real workers that speak TLS and ask for certificates; the command line's settings reach them, others do not."""

import asyncio
from pathlib import Path

import pytest

import tidelock
from streams.ops.starting import EXIT_CONFIGURATION
from tests.integration.engine.cluster import TOKEN, Cluster
from tidelock.cli.tls import client_tls
from tidelock.client.errors import ConnectionLost

pytestmark = [
    pytest.mark.integration,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("engine"),
]
PEMS = Path(__file__).parents[2] / "unit" / "engine" / "certificates"
TLS = {
    "TIDELOCK_TLS_CERT": str(PEMS / "worker.pem"),
    "TIDELOCK_TLS_KEY": str(PEMS / "worker-key.pem"),
    "TIDELOCK_TLS_CLIENT_CA": str(PEMS / "authority.pem"),
}
OURS = {
    "TIDELOCK_TLS_CA": str(PEMS / "authority.pem"),
    "TIDELOCK_TLS_CLIENT_CERT": str(PEMS / "client.pem"),
    "TIDELOCK_TLS_CLIENT_KEY": str(PEMS / "client-key.pem"),
}


async def test_two_workers_with_tls_serve_who_shows_a_certificate(cluster: Cluster) -> None:
    one, two = await cluster.worker("one", **TLS), await cluster.worker("two", **TLS)
    await cluster.led_by(one, two, idle=True)
    addresses = [one.address, two.address]
    async with tidelock.connect(*addresses, token=TOKEN, tls=client_tls(OURS)) as client:

        async def cycle(number: int) -> int:
            async with client.lock(f"tls/{number}", ttl=10.0) as held:
                return held.token

        tokens = await asyncio.gather(*(cycle(number) for number in range(40)))
        assert min(tokens) > 0
    for tls in (None, client_tls({"TIDELOCK_TLS_CA": OURS["TIDELOCK_TLS_CA"]})):
        with pytest.raises(ConnectionLost):
            await tidelock.connect(*addresses, token=TOKEN, tls=tls, connect_timeout=1.0)


async def test_a_worker_without_its_key_ends_and_says_which_file(cluster: Cluster) -> None:
    wrong = await cluster.worker("wrong", **(TLS | {"TIDELOCK_TLS_KEY": "/nowhere.pem"}))
    assert await wrong.exit_code() == EXIT_CONFIGURATION
    (told,) = wrong.events("settings are not usable")
    assert "TIDELOCK_TLS_KEY=/nowhere.pem" in told["error"]
