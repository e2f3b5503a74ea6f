"""How many keys change their shard when there is one more, against the share that the new shard is due."""

from typing import Any

from bench.plan import Plan
from streams.wire.shards import shard_of

KEYS = 100_000
SIZES = (1, 2, 4, 8, 16, 32)


def measure(plan: Plan) -> dict[str, Any]:
    """Return the worst ratio of moved keys to the ideal `1 / (n + 1)`, over several sizes."""
    plan.say("resizing")
    ratios = {n: _moved(n) * (n + 1) / KEYS for n in SIZES}
    return {
        "resize": {
            "resize_excess": round(max(ratios.values()), 3),
            "by_shards": {n: round(ratio, 3) for n, ratio in ratios.items()},
        }
    }


def _moved(shards: int) -> int:
    return sum(shard_of(f"group/{n}", shards) != shard_of(f"group/{n}", shards + 1) for n in range(KEYS))
