-- Asks for one attempt at a login. It counts as a failure from here on, until `end-login` says that it was none: of many at
-- once, wherever they come in, no more get through than one after the other.
--
-- KEYS   1 the pairs that have logged in; then the failures of the pair, of its account and of its network
-- ARGV   1 the pair, as a member of the first key; then for each of the failures, as in the gateway's login-delays.ts
--          free: after how many the next attempt need not wait
--          every: how many more double the wait, which begins with a second
--          most: the longest wait, in milliseconds
--          half: in how many milliseconds half of them are forgotten
--          top: as many are counted
-- Answer the wait in milliseconds, where there is one, and the wait for the pair's own failures; then nothing was counted.
--        Else 0, the time, and for each that was counted when the failure before was, 0: there was none. Of a pair that has
--        logged in only its own failures count.
--
-- It goes by Redis's clock, which is one for all. Nobody waits longer than `most`, whatever that clock does.

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local last = redis.call('ZSCORE', KEYS[1], ARGV[1]) and 2 or #KEYS
local wait, pair_wait = 0, 0
local found = {}
for index = 2, last do
  local arg = 2 + (index - 2) * 5
  local free, every, most = tonumber(ARGV[arg]), tonumber(ARGV[arg + 1]), tonumber(ARGV[arg + 2])
  local state = redis.call('HMGET', KEYS[index], 'count', 'at')
  local count, at = tonumber(state[1] or 0), tonumber(state[2] or 0)
  -- In whole ones: what fades within seconds is still a failure.
  local over = math.floor(count + 0.5) - free
  local delay = over < 0 and 0 or math.min(most, 1000 * 2 ^ (over / every))
  wait = math.max(wait, math.min(delay, at + delay - now))
  if index == 2 then pair_wait = wait end
  found[index] = { count, at }
end
if wait > 0 then return { math.ceil(wait), math.ceil(pair_wait) } end

local answer = { 0, now }
for index = 2, last do
  local arg = 2 + (index - 2) * 5
  local half, top = tonumber(ARGV[arg + 3]), tonumber(ARGV[arg + 4])
  local count, at = found[index][1], found[index][2]
  count = math.min(top, 1 + count * 0.5 ^ (math.max(0, now - at) / half))
  redis.call('HSET', KEYS[index], 'count', string.format('%.6f', count), 'at', string.format('%.0f', now))
  -- By then less than half a failure would be left.
  redis.call('PEXPIRE', KEYS[index], math.ceil(half * math.log(1 + count) / math.log(2)))
  answer[#answer + 1] = at
end
return answer
