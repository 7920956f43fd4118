"""The Redis scripts of :mod:`click2dial_agi.io.live_store`: each is one step, fenced by a lease."""

__all__ = ["ACQUIRE", "AWAY", "PUBLISH", "READ", "RELEASE", "RENEW", "REPLACE"]

# KEYS: lease, fence, fresh.  ARGV: its length in ms.  What another has said may outlast his lease.
ACQUIRE = """
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('DEL', KEYS[3])
local fence = redis.call('INCR', KEYS[2])
redis.call('SET', KEYS[1], fence, 'PX', ARGV[1])
return fence
"""

# How many agents and calls there are, which "fresh" holds: who empties those hashes is noticed.
_COUNTED = "redis.call('HLEN', KEYS[3]) .. ' ' .. redis.call('HLEN', KEYS[4])"

# KEYS: lease, fresh, agents, calls.  ARGV: number, length in ms.
# 2: what was written is not there, not known or not whole.
RENEW = f"""
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
if redis.call('GET', KEYS[2]) ~= {_COUNTED} then
  redis.call('DEL', KEYS[2])
  return 2
end
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return 1
"""

_LOOK = """
redis.call('XADD', {events}, 'MAXLEN', '~', {limit}, '*', 'type', 'look', 'pbx', {pbx})
"""

# KEYS: lease, fresh, events.  ARGV: number, how many events are kept, PBX.
AWAY = f"""
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if redis.call('DEL', KEYS[2]) == 1 then
  {_LOOK.format(events="KEYS[3]", limit="ARGV[2]", pbx="ARGV[3]")}
end
return 1
"""

# The same.
RELEASE = AWAY.replace("return 1\n", "redis.call('DEL', KEYS[1])\nreturn 1\n")

# KEYS: lease, fresh, agents, calls, events.  ARGV: number, length in ms, how many events are kept,
# PBX, how many agents; then agents and calls, each a key and a text.  Returns the calls before.
REPLACE = f"""
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local before = redis.call('HGETALL', KEYS[4])
redis.call('DEL', KEYS[3], KEYS[4])
local agents = 5 + 2 * tonumber(ARGV[5])
for i = 6, #ARGV, 2 do
  redis.call('HSET', i <= agents and KEYS[3] or KEYS[4], ARGV[i], ARGV[i + 1])
end
redis.call('SET', KEYS[2], {_COUNTED}, 'PX', ARGV[2])
{_LOOK.format(events="KEYS[5]", limit="ARGV[3]", pbx="ARGV[4]")}
return before
"""

# KEYS: lease, fresh, agents, calls, events.  ARGV: number, length in ms, how many events are kept,
# PBX, the channel of agents or nothing; then each change: type, key, text, and 1 for what is gone.
# What somebody emptied before is not made whole by it.  A call's event names who had it before,
# too: who follows that agent alone, and was away when the client went on, hears of it afterwards.
# What cannot be read, or a user who may not publish, is no reason to lose an event, hence pcall.
PUBLISH = f"""
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local whole = redis.call('GET', KEYS[2]) == {_COUNTED}
for i = 6, #ARGV, 4 do
  local hash = ARGV[i] == 'agent' and KEYS[3] or KEYS[4]
  local had_by = ''
  if ARGV[i] == 'call' then
    local known, before = pcall(cjson.decode, redis.call('HGET', hash, ARGV[i + 1]) or '')
    if known and type(before) == 'table' and type(before.agent) == 'string' then
      had_by = before.agent
    end
  end
  if ARGV[i + 3] == '1' then
    redis.call('HDEL', hash, ARGV[i + 1])
  else
    redis.call('HSET', hash, ARGV[i + 1], ARGV[i + 2])
  end
  redis.call('XADD', KEYS[5], 'MAXLEN', '~', ARGV[3], '*', 'type', ARGV[i], 'pbx', ARGV[4],
             'key', ARGV[i + 1], 'data', ARGV[i + 2], 'had_by', had_by)
  if ARGV[i] == 'agent' and ARGV[5] ~= '' then
    redis.pcall('PUBLISH', ARGV[5] .. ARGV[i + 1], ARGV[i + 2])
  end
end
if whole then redis.call('SET', KEYS[2], {_COUNTED}, 'PX', ARGV[2]) end
return 1
"""

# KEYS: events; then of each PBX fresh, agents, calls.  ARGV: how many PBXs.  XREVRANGE and not
# XINFO, which fails where there is no stream yet.
READ = """
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
local found = {#last == 1 and last[1][1] or '0-0'}
for i = 2, 3 * tonumber(ARGV[1]) + 1, 3 do
  found[#found + 1] = redis.call('EXISTS', KEYS[i])
  found[#found + 1] = redis.call('HGETALL', KEYS[i + 1])
  found[#found + 1] = redis.call('HGETALL', KEYS[i + 2])
end
return found
"""
