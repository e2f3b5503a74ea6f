"""InfluxDB that is not there is waited for: whoever asks for its buckets learns that, and where it was looked for."""

import pytest

from storage.influx.api import InfluxSettings
from storage.influx.buckets import InfluxBuckets
from streams.projections.ports import SinkUnavailable

NOWHERE = InfluxSettings("http://127.0.0.1:1", "org", "bucket", "token", timeout_s=2.0)


@pytest.mark.parametrize("does", ["ensure", "downsample"])
async def test_buckets_of_a_server_that_is_away_are_unavailable(does: str) -> None:
    buckets = InfluxBuckets(NOWHERE, ())
    asked = buckets.ensure("bucket") if does == "ensure" else buckets.downsample("bucket", 0, 1)
    with pytest.raises(SinkUnavailable, match=r"127\.0\.0\.1:1 cannot be reached"):
        await asked
    await buckets.close()
