"""What Redis does in one step.

A copy is one hash: `@` is the offset it stands at, `@time` the time, `@log` of which log, `=KEY` a row.

Each script bounds its own work: `unpack` takes at most some 8,000 values.
"""

APPLY = """
local stands = redis.call('HMGET', KEYS[1], '@', '@time', '@log')
if stands[1] ~= ARGV[1] or stands[2] ~= ARGV[2] then
    return 0
end
if ARGV[6] ~= '' then
    if stands[3] ~= '' and stands[3] ~= ARGV[6] then
        return 0
    end
    redis.call('HSET', KEYS[1], '@log', ARGV[6])
end
local sets = tonumber(ARGV[7])
for first = 8, 7 + sets, 2000 do
    redis.call('HSET', KEYS[1], unpack(ARGV, first, math.min(first + 1999, 7 + sets)))
end
for first = 8 + sets, #ARGV, 2000 do
    redis.call('HDEL', KEYS[1], unpack(ARGV, first, math.min(first + 1999, #ARGV)))
end
redis.call('HSET', KEYS[1], '@', ARGV[3], '@time', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return 1
"""
"""KEYS: copy. ARGV: start, its time, end, its time, TTL (ms), its log if known, how many values to set, field, value,
..., fields to delete ...
"""

SWAP = """
if redis.call('HLEN', KEYS[2]) ~= tonumber(ARGV[3]) then
    redis.call('UNLINK', KEYS[2])
    return 0
end
local stands = redis.call('HMGET', KEYS[1], '@', '@time', '@log')
local at, time, to = tonumber(stands[1]), tonumber(stands[2]) or 0, tonumber(ARGV[1])
local further = at and (at > to or at == to and time > tonumber(ARGV[5]))
if further and (ARGV[4] == '' or stands[3] == ARGV[4]) then
    redis.call('UNLINK', KEYS[2])
    return 1
end
redis.call('UNLINK', KEYS[1])
redis.call('RENAME', KEYS[2], KEYS[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
"""
"""KEYS: copy, what is to become it. ARGV: where that stands, TTL (ms), its length, its log if known, its time. 0: it
is lost.
"""
