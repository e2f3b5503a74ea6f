"""Addresses as logs, errors and people at terminals may see them."""

import pytest

from storage.influx.api import InfluxSettings
from storage.influx.buckets import InfluxBuckets
from storage.influx.points import InfluxPointStore
from streams.ops.addresses import shown
from streams.projections.ports import SinkUnavailable
from streams.projections.table import Table
from tidelock.local.addresses import InfluxAddress
from tidelock.reporting import ReportSettings

SECRET = "http://root:hunter2@127.0.0.1:1?org=o&bucket=b&token=t0ken"


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("http://root:hunter2@host:8086/path?token=t0ken", "http://***@host:8086/path"),
        ("http://t0ken@host", "http://***@host"),
        ("http://a@b@host", "http://***@host"),
        ("http://[::1]:8086", "http://[::1]:8086"),
    ],
)
def test_names_passwords_and_tokens_are_not_shown(url: str, seen: str) -> None:
    assert shown(url) == seen


@pytest.mark.parametrize(
    "made", [InfluxAddress.parse(SECRET, {}), InfluxSettings("http://root:hunter2@h", "o", "b", "t0ken")]
)
def test_no_repr_has_them(made: object) -> None:
    assert "hunter2" not in repr(made)
    assert "t0ken" not in repr(made)


def test_no_settings_show_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDELOCK_INFLUX", SECRET)
    assert "hunter2" not in repr(ReportSettings()) + str(ReportSettings())


async def test_a_server_that_is_away_is_named_without_them() -> None:
    buckets = InfluxBuckets(
        InfluxSettings("http://root:hunter2@127.0.0.1:1", "o", "b", "t0ken", timeout_s=2), ()
    )
    with pytest.raises(SinkUnavailable, match=r"http://\*\*\*@127\.0\.0\.1:1 cannot be reached") as away:
        await buckets.ensure("bucket")
    assert "hunter2" not in str(away.value)
    await buckets.close()
    points = InfluxPointStore(InfluxSettings("http://root:hunter2@127.0.0.1:1", "o", "b", "t0ken"))
    with pytest.raises(SinkUnavailable, match=r"http://\*\*\*@127\.0\.0\.1:1 cannot be reached") as away:
        await points.write(Table("toys", ("start_ms", "total"), key=1), [(0, 1)])
    assert "hunter2" not in str(away.value)
    await points.close()
