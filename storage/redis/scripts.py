"""What Redis does in one step. A copy is one hash: `@` is the offset it stands at, `@log` of which log, `=KEY` a row.

Each script bounds its own work: `unpack` takes at most some 8,000 values.
"""

APPLY = """
if redis.call('HGET', KEYS[1], '@') ~= ARGV[1] then
    return 0
end
if ARGV[4] ~= '' then
    local of = redis.call('HGET', KEYS[1], '@log')
    if of ~= '' and of ~= ARGV[4] then
        return 0
    end
    redis.call('HSET', KEYS[1], '@log', ARGV[4])
end
local sets = tonumber(ARGV[5])
for first = 6, 5 + sets, 2000 do
    redis.call('HSET', KEYS[1], unpack(ARGV, first, math.min(first + 1999, 5 + sets)))
end
for first = 6 + sets, #ARGV, 2000 do
    redis.call('HDEL', KEYS[1], unpack(ARGV, first, math.min(first + 1999, #ARGV)))
end
redis.call('HSET', KEYS[1], '@', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
"""
"""KEYS: copy. ARGV: start, end, TTL (ms), its log if known, how many values to set, field, value, ..., fields to
delete ...
"""

SWAP = """
if redis.call('HLEN', KEYS[2]) ~= tonumber(ARGV[3]) then
    redis.call('UNLINK', KEYS[2])
    return 0
end
local at = tonumber(redis.call('HGET', KEYS[1], '@'))
if at and at > tonumber(ARGV[1]) and (ARGV[4] == '' or redis.call('HGET', KEYS[1], '@log') == ARGV[4]) then
    redis.call('UNLINK', KEYS[2])
    return 1
end
redis.call('UNLINK', KEYS[1])
redis.call('RENAME', KEYS[2], KEYS[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
"""
"""KEYS: copy, what is to become it. ARGV: where that stands, TTL (ms), its length, its log if known. 0: it is lost."""
