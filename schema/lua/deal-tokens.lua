-- The buckets that all gateways share: each gateway leases tokens from them before it spends them.
--
-- KEYS   1 the replicas, then the buckets
-- ARGV   1 the replica, 2 milliseconds for which one is counted that was not heard of, 0: they are not counted now;
--        then for each bucket
--          its rate per second, its burst,
--          reserve: what it refills itself to: the part of the burst that no gateway holds
--          floor: below which no debt takes it
--          owed: spent without having been leased
--          ask: tokens that are wanted; negative: given back
--          need: of those, what is lacked for what comes in just now
-- Answer the number of replicas, 0 where they were not counted; then for each bucket the tokens it gives, whole ones, and 1 where they are scarce: somebody
--        lacked some a moment ago, and whoever holds more than it needs gives it back
--
-- A bucket that is not there is full. It goes by Redis's clock, which is one for all.

local SCARCE_MS = 500
local UNMET_MS = 1000

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + tonumber(time[2]) / 1000
local kept_ms = tonumber(ARGV[2])
local answer = { 0 }
if kept_ms > 0 then
  redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', now))
  redis.call('PEXPIRE', KEYS[1], kept_ms)
  local heard = redis.call('HGETALL', KEYS[1])
  for field = 1, #heard, 2 do
    if now - tonumber(heard[field + 1]) > kept_ms then
      redis.call('HDEL', KEYS[1], heard[field])
    else
      answer[1] = answer[1] + 1
    end
  end
end

for index = 2, #KEYS do
  local at = 3 + (index - 2) * 7
  local rate, burst, reserve = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local floor, owed = tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4])
  local ask, need = tonumber(ARGV[at + 5]), tonumber(ARGV[at + 6])
  local state = redis.call('HMGET', KEYS[index], 'level', 'at', 'scarce_at', 'unmet', 'unmet_by', 'unmet_at')
  local level, scarce_at = tonumber(state[1] or burst), tonumber(state[3] or 0)
  local unmet, unmet_by, unmet_at = tonumber(state[4] or 0), state[5] or '', tonumber(state[6] or 0)
  -- Who asks now is not full by what it asks for; who was given too little is not full by more than it lacked then.
  if unmet_by == ARGV[1] or now - unmet_at > UNMET_MS then unmet = 0 end
  local cap = math.min(burst, reserve + unmet + math.max(0, ask))
  -- Nobody holds more than it needs, so all of the burst may be here.
  if now - scarce_at < SCARCE_MS then cap = burst end
  -- A clock that went back adds nothing.
  local past = math.max(0, now - tonumber(state[2] or now))
  if level < cap then level = math.min(cap, level + past * rate / 1000) end
  if owed > 0 then level = math.max(math.min(floor, level), level - owed) end
  local given = 0
  if ask < 0 then
    level = math.max(level, math.min(burst, level - ask))
  elseif ask > 0 then
    given = math.floor(math.max(0, math.min(ask, level)))
    level = level - given
    if given < ask then unmet, unmet_by, unmet_at = ask - given, ARGV[1], now end
  end
  if given < need then scarce_at = now end
  redis.call('HSET', KEYS[index], 'level', string.format('%.6f', level), 'at', string.format('%.3f', now),
    'scarce_at', string.format('%.3f', scarce_at), 'unmet', string.format('%.6f', unmet), 'unmet_by', unmet_by,
    'unmet_at', string.format('%.3f', unmet_at))
  redis.call('PEXPIRE', KEYS[index], math.ceil(10000 + 2000 * burst / rate))
  answer[#answer + 1] = given
  answer[#answer + 1] = now - scarce_at < SCARCE_MS and 1 or 0
end
return answer
