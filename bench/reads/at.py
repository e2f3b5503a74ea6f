"""`at:` on a long history: one lock as it stood at a random time, by GraphQL, one request after the other."""

import random
from datetime import UTC, datetime
from typing import Any

import psycopg

from bench.plan import Plan
from bench.reads.requests import caller, request
from bench.reads.stack import TENANT, client_of, read_stack
from bench.rounds import percentile

ROWS = 1_000_000
FIRST_MS = 1_700_000_000_000
STEP_MS = 10
OTHERS = 2000
"""Every second row is of one lock that is never free for long; the rest are spread over so many."""
QUERY = "query ($name: String!, $at: At!) { lock(name: $name, at: $at) { mode holders { client token } } }"
HISTORY = """
INSERT INTO tidelock.lock_history (
  partition, from_event, tenant, name, role, principal, client, handle, sequence, token, mode, ttl_ms, until_lease_ms,
  lock_delay_ms, from_offset, from_ms, spell, keyframe, to_event, to_offset, to_ms, ended)
SELECT %(partition)s, %(above)s + i, %(tenant)s, name, 'HOLDER', 'bench', 'c', 'h', i, i, 'EXCLUSIVE', 30000, i,
  0, i + 10, %(first_ms)s + i * %(step_ms)s, spell, CASE WHEN spell %% 64 = 0 THEN ARRAY[%(above)s + i] END,
  %(above)s + i + 1, i + 11, %(first_ms)s + (i + 1) * %(step_ms)s, 'RELEASED'
FROM (
  SELECT i, CASE WHEN i %% 2 = 0 THEN 'hot' ELSE 'other/' || (i / 2) %% %(others)s END AS name,
    CASE WHEN i %% 2 = 0 THEN i / 2 + 1 ELSE 1 END AS spell
  FROM generate_series(0::bigint, %(rows)s - 1) AS i
) AS each
"""


async def measure(plan: Plan) -> dict[str, Any]:
    """Measure one lock with half a million spells, and others with few, at random times."""
    async with read_stack(partitions=1, apis=1) as stack, client_of(stack) as client:
        await client.locks.release(await client.locks.acquire("warm-up", wait=0))
        plan.say(f"at: writing {ROWS:,} rows of history")
        assert stack.addresses.postgres is not None
        _fill(stack.addresses.postgres)
        asking, chance = await caller(stack.addresses.apis[0]), random.Random(1)
        rounds = []
        for number in range(1, plan.rounds + 1):
            plan.say(f"at: round {number} of {plan.rounds}")
            asked = [request(QUERY, _variables(chance)) for _ in range(int(100 * plan.seconds))]
            rounds.append(sorted([1000 * await asking.timed(each) for each in asked]))
        asking.close()
    p95s = [percentile(each, 0.95) for each in rounds]
    return {
        "at_p95_ms": round(percentile(sorted(p95s), 0.5), 2),
        "at_p95_ms_spread": [round(min(p95s), 2), round(max(p95s), 2)],
        "at_p50_ms": round(percentile(sorted(percentile(each, 0.5) for each in rounds), 0.5), 2),
    }


def _fill(postgres: str) -> None:
    with psycopg.connect(postgres, autocommit=True) as connection:
        values = {
            "partition": 0, "tenant": TENANT, "above": 10**9, "first_ms": FIRST_MS, "step_ms": STEP_MS,
            "rows": ROWS, "others": OTHERS,
        }  # fmt: skip
        connection.execute(HISTORY, values)
        connection.execute("VACUUM ANALYZE tidelock.lock_history")


def _variables(chance: random.Random) -> dict[str, object]:
    """A time in the past, of the long lock or of another."""
    name = "hot" if chance.random() < 0.5 else f"other/{chance.randrange(OTHERS)}"
    at_ms = FIRST_MS + chance.randrange(ROWS * STEP_MS)
    return {"name": name, "at": datetime.fromtimestamp(at_ms / 1000, UTC).isoformat()}
