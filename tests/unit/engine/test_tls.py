"""TLS on the direct lane: who trusts the worker is served, who does not or shows no certificate is not."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pydantic import ValidationError

import tidelock
from streams.engine import worker
from streams.engine.configuration import WorkerSettings
from streams.engine.tls import TlsUnusable, listener_tls, own_lane_tls
from streams.ops.starting import EXIT_CONFIGURATION
from tests.unit.engine.lane import TOKEN, Lane, serving
from tidelock.cli.tls import client_tls
from tidelock.client.errors import ConnectionLost

PEMS = Path(__file__).parent / "certificates"
"""Made by `make.sh` there."""


def pem(name: str) -> str:
    return str(PEMS / f"{name}.pem")


def settings(**named: str) -> WorkerSettings:
    return WorkerSettings(kafka="nowhere:1", **named)  # type: ignore[arg-type]


OURS = {"tls_cert": pem("worker"), "tls_key": pem("worker-key")}
MUTUAL = OURS | {"tls_client_ca": pem("authority")}
TRUSTS = {"TIDELOCK_TLS_CA": pem("authority")}
SHOWS = {"TIDELOCK_TLS_CLIENT_CERT": pem("client"), "TIDELOCK_TLS_CLIENT_KEY": pem("client-key")}


@asynccontextmanager
async def lane(**named: str) -> AsyncIterator[Lane]:
    async with serving(tls=listener_tls(settings(**named))) as one:
        yield one


async def fencing_token(one: Lane, tls: ssl.SSLContext | None) -> int:
    """Take and release a lock."""
    address = f"127.0.0.1:{one.port}"
    connecting = tidelock.connect(address, token=TOKEN, tls=tls, connect_timeout=1.0, timeout=5.0)
    async with connecting as client, client.lock("orders/42", ttl=5.0) as held:
        return held.token


@pytest.mark.parametrize(
    "has", [OURS, OURS | {"tls_ca": pem("authority")}, MUTUAL], ids=["own", "CA", "mutual"]
)
async def test_a_worker_trusts_lanes_like_its_own_and_is_trusted(has: dict[str, str]) -> None:
    """So that it registers itself as a node."""
    async with lane(**has) as one:
        assert await fencing_token(one, own_lane_tls(settings(**has))) > 0


async def test_a_worker_trusts_no_other_lane() -> None:
    async with lane(**OURS) as one:
        with pytest.raises(ConnectionLost):
            await fencing_token(one, own_lane_tls(settings(**OURS, tls_ca=pem("client"))))


def test_without_a_certificate_it_connects_plainly_and_an_unusable_ca_is_named() -> None:
    assert own_lane_tls(settings()) is None
    with pytest.raises(TlsUnusable, match="TIDELOCK_TLS_CA=/nowhere"):
        own_lane_tls(settings(**OURS, tls_ca="/nowhere"))


@pytest.mark.parametrize(("worker_has", "client_has"), [(OURS, TRUSTS), (MUTUAL, TRUSTS | SHOWS)])
async def test_who_trusts_the_worker_is_served(
    worker_has: dict[str, str], client_has: dict[str, str]
) -> None:
    async with lane(**worker_has) as one:
        assert await fencing_token(one, client_tls(client_has)) > 0


@pytest.mark.parametrize(
    ("worker_has", "client_has"),
    [(OURS, {}), (OURS, {"TIDELOCK_TLS_CA": "system"}), (MUTUAL, TRUSTS), ({}, TRUSTS)],
    ids=["plain client", "authority not trusted", "no certificate shown", "plain worker"],
)
async def test_who_does_not_fit_is_not_served(worker_has: dict[str, str], client_has: dict[str, str]) -> None:
    async with lane(**worker_has) as one:
        with pytest.raises(ConnectionLost):
            await fencing_token(one, client_tls(client_has))


def test_without_settings_there_is_no_tls() -> None:
    assert listener_tls(settings()) is None
    assert listener_tls(settings(tls_cert="", tls_key="", tls_client_ca="")) is None
    assert client_tls({}) is None


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"tls_cert": "/nowhere.pem"}, r"TIDELOCK_TLS_CERT=/nowhere.pem .*No such file"),
        ({"tls_key": "/nowhere.pem"}, r"TIDELOCK_TLS_KEY=/nowhere.pem .*No such file"),
        ({"tls_client_ca": "/nowhere.pem"}, r"TIDELOCK_TLS_CLIENT_CA=/nowhere.pem .*No such file"),
        ({"tls_key": pem("client-key")}, r"KEY_VALUES_MISMATCH.*its own unencrypted PEM key"),
        ({"tls_cert": __file__}, r"TIDELOCK_TLS_CERT=.*PEM certificate"),
        ({"tls_client_ca": pem("worker-key")}, r"TIDELOCK_TLS_CLIENT_CA=.*CA's certificates"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_cure(changed: dict[str, str], told: str) -> None:
    with pytest.raises(TlsUnusable, match=told):
        listener_tls(settings(**(OURS | changed)))


@pytest.mark.parametrize(
    "half", [{"tls_cert": "c"}, {"tls_key": "k"}, {"tls_client_ca": "a"}], ids=lambda half: next(iter(half))
)
def test_half_of_the_settings_is_refused(half: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="TIDELOCK_TLS_CERT"):
        settings(**half)


async def test_a_worker_with_bad_files_exits_with_the_code_of_bad_settings() -> None:
    code = await worker.run(settings(**(OURS | {"tls_key": "/nowhere.pem"})))
    assert code == EXIT_CONFIGURATION
