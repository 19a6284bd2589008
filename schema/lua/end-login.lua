-- An attempt that `begin-login` counted was no failure: the password was right, or nobody found out.
--
-- KEYS   1 the pairs that have logged in; then the failures that were counted, those of the pair first
-- ARGV   1 the pair, as a member of the first key, 2 whether the password was right: 1 or 0, 3 the time that `begin-login`
--        gave, 4 how many pairs are remembered, 5 for how many milliseconds; then for each of the failures when the one
--        before was
--
-- What others have failed meanwhile stands.

for index = 2, #KEYS do
  local state = redis.call('HMGET', KEYS[index], 'count', 'at')
  if state[1] then
    local count = tonumber(state[1]) - 1
    local before = ARGV[4 + index]
    if count <= 0 or (index == 2 and ARGV[2] == '1') then
      redis.call('DEL', KEYS[index])
    elseif tonumber(state[2]) == tonumber(ARGV[3]) and tonumber(before) > 0 then
      redis.call('HSET', KEYS[index], 'count', string.format('%.6f', count), 'at', before)
    else
      redis.call('HSET', KEYS[index], 'count', string.format('%.6f', count))
    end
  end
end
if ARGV[2] == '1' then
  local time = redis.call('TIME')
  local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
  redis.call('ZADD', KEYS[1], now, ARGV[1])
  -- What was used longest ago is forgotten.
  redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - tonumber(ARGV[4]))
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[5]))
  redis.call('PEXPIRE', KEYS[1], ARGV[5])
end
