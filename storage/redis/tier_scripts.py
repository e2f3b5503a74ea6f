"""What the process that follows the log has Redis do in one step. Keys and fields: `streams.wire.tier`.

Tokens are text of the same length, compared as text. All keys of a script have one hash tag.
"""

BEGIN = """
local found = redis.call('HMGET', KEYS[1], 'log', 'checkpoint')
if found[1] == ARGV[1] then
    return found[2]
end
redis.call('UNLINK', KEYS[1], KEYS[2])
redis.call('HSET', KEYS[1], 'log', ARGV[1], 'at', ARGV[2], 'since', ARGV[3], 'checkpoint', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return ARGV[4]
"""
"""KEYS: mark, sign. ARGV: log, offset, token, checkpoint, TTL (ms). Returns the checkpoint that stands now."""

APPLY = """
local found = redis.call('HMGET', KEYS[1], 'log', 'at', 'since')
local at = tonumber(found[2])
if found[1] ~= ARGV[1] or not at or at < tonumber(ARGV[2]) then
    return 0
end
if at >= tonumber(ARGV[3]) then
    return 1
end
for i = 2, #KEYS do
    local token, field = ARGV[2 * i + 2], ARGV[2 * i + 3]
    local version = redis.call('GETRANGE', KEYS[i], 0, 19)
    if version ~= '' and version < token then
        redis.call('UNLINK', KEYS[i])
    end
    local last = redis.call('HGET', KEYS[1], field)
    if not last or last < token then
        redis.call('HSET', KEYS[1], field, token)
    end
end
if ARGV[4] ~= '' and ARGV[4] > found[3] then
    redis.call('HSET', KEYS[1], 'since', ARGV[4])
end
if ARGV[5] ~= '' then
    redis.call('HSET', KEYS[1], 'at', ARGV[3], 'checkpoint', ARGV[5])
end
return 1
"""
"""KEYS: mark, copies. ARGV: log, start, end, token up to which nothing is believed, checkpoint (empty: more of the
same stretch follows), then token and field of each copy. 0: the mark is lost, of another log, or before the start."""

SIGN = """
local found = redis.call('HMGET', KEYS[1], 'log', 'at')
local at = tonumber(found[2])
if found[1] ~= ARGV[1] or not at or at < tonumber(ARGV[2]) then
    return 0
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local left = tonumber(ARGV[3]) + tonumber(ARGV[4]) - now
if left > 0 and redis.call('PTTL', KEYS[2]) < left then
    redis.call('SET', KEYS[2], '1', 'PX', left)
end
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return now
"""
"""KEYS: mark, sign. ARGV: log, offset, when (ms, Redis's clock) the log's end was there or before, for how long the
sign stands from then (ms), the mark's TTL (ms). Returns Redis's time; 0: as for APPLY."""
