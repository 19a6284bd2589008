-- The buckets that all gateways share: each gateway leases tokens from them before it spends them.
--
-- KEYS   1 the replicas, then the buckets
-- ARGV   1 the replica, 2 milliseconds for which one is counted that was not heard of, 0: it is not to be counted now;
--        then for each bucket
--          its rate per second, its burst,
--          reserve: what it refills itself to: the part of the burst that no gateway holds
--          gathered: so much more while some gateway is not full, which will ask for it
--          floor: below which no debt takes it
--          owed: spent without having been leased
--          ask: tokens that are wanted; negative: given back
--          need: of those, what is lacked for what comes in just now
-- Answer the number of replicas; then for each bucket the tokens it gives, as text, and 1 where they are scarce: somebody
--        lacked some a moment ago, and whoever holds more than it needs gives it back
--
-- A bucket that is not there is full. It goes by Redis's clock, which is one for all.

local SCARCE_MS = 500
local QUIET_MS = 60

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + tonumber(time[2]) / 1000
local kept_ms = tonumber(ARGV[2])
if kept_ms > 0 then
  redis.call('ZADD', KEYS[1], now, ARGV[1])
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - kept_ms)
  redis.call('PEXPIRE', KEYS[1], kept_ms)
end
local answer = { math.max(1, redis.call('ZCARD', KEYS[1])) }

for index = 2, #KEYS do
  local at = 3 + (index - 2) * 8
  local rate, burst, reserve = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local gathered, floor, owed = tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5])
  local ask, need = tonumber(ARGV[at + 6]), tonumber(ARGV[at + 7])
  local state = redis.call('HMGET', KEYS[index], 'level', 'at', 'unmet_at', 'scarce_at')
  local level = tonumber(state[1] or burst)
  local unmet_at, scarce_at = tonumber(state[3] or 0), tonumber(state[4] or 0)

  local cap = reserve + gathered
  if now - scarce_at < SCARCE_MS then
    -- Nobody holds more than it needs, so all of the burst may be here.
    cap = burst
  elseif now - unmet_at > QUIET_MS then
    -- Everybody was full until just now, as far as is known.
    cap = reserve + math.min(gathered, math.max(0, ask))
  end
  -- A clock that went back adds nothing.
  local past = math.max(0, now - tonumber(state[2] or now))
  if level < cap then level = math.min(cap, level + past * rate / 1000) end
  if owed > 0 then level = math.max(math.min(floor, level), level - owed) end
  local given = 0
  if ask < 0 then
    level = math.max(level, math.min(burst, level - ask))
  elseif ask > 0 then
    given = math.max(0, math.min(ask, level))
    -- Parts of tokens are of no use to anybody, except where there is never a whole one.
    if reserve + gathered >= 1 then given = math.floor(given) end
    level = level - given
    if given < ask then unmet_at = now end
  end
  if given < need then scarce_at = now end
  redis.call('HSET', KEYS[index], 'level', string.format('%.6f', level), 'at', string.format('%.3f', now),
    'unmet_at', string.format('%.3f', unmet_at), 'scarce_at', string.format('%.3f', scarce_at))
  redis.call('PEXPIRE', KEYS[index], math.ceil(10000 + 2000 * burst / rate))
  answer[#answer + 1] = string.format('%.6f', given)
  answer[#answer + 1] = now - scarce_at < SCARCE_MS and 1 or 0
end
return answer
