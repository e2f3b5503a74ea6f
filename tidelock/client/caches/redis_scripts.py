"""What clients have Redis do in one step. Keys and fields: `streams.wire.tier`."""

READ = """
if redis.call('EXISTS', KEYS[1]) == 0 then
    return 0
end
local copy = redis.call('GET', KEYS[3])
if not copy then
    return 1
end
local since = redis.call('HGET', KEYS[2], 'since')
if not since or string.sub(copy, 21, 40) <= since then
    return 1
end
return copy
"""
"""KEYS: sign, mark, copy. 0: nobody says that copies are up to date; 1: there is none."""

OFFER = """
if redis.call('EXISTS', KEYS[1]) == 0 then
    return 0
end
local found = redis.call('HMGET', KEYS[2], 'since', ARGV[2])
if not found[1] or ARGV[1] <= found[1] or (found[2] and ARGV[1] < found[2]) then
    return 1
end
local old = redis.call('GETRANGE', KEYS[3], 0, 39)
if #old == 40 and string.sub(old, 21) > found[1] and string.sub(old, 1, 20) >= string.sub(ARGV[4], 1, 20) then
    return 1
end
redis.call('SET', KEYS[3], ARGV[4], 'PX', ARGV[3])
return 2
"""
"""KEYS: sign, mark, copy. ARGV: token of the grant, field of the mark, TTL (ms), record.

0: as for READ; 1: it comes late, for something changed since the grant (or may have), or a copy is there; 2: kept."""
