-- Puts an event that was made anew beside the live view into it, whole and in one step, or changes nothing.
--
-- KEYS   1 checkpoint, 2 events, 3 checkpoint of the shadow, 4 events of the shadow, 5 tally of the event; then,
--        for every key of the event in either view, its place in the live one and in the shadow
-- ARGV   1 the event
-- Answer 1, or 0 unless both views are of the same log and as of the same message of it

local live = redis.call('HMGET', KEYS[1], 'generation', 'sequence')
local shadow = redis.call('HMGET', KEYS[3], 'generation', 'sequence')
if not live[1] or live[1] ~= shadow[1] or live[2] ~= shadow[2] then return 0 end

for index = 6, #KEYS, 2 do
  if redis.call('EXISTS', KEYS[index + 1]) == 1 then
    redis.call('RENAME', KEYS[index + 1], KEYS[index])
  else
    redis.call('UNLINK', KEYS[index])
  end
end
if redis.call('EXISTS', KEYS[5]) == 1 then
  redis.call('SADD', KEYS[2], ARGV[1])
  -- Later than what gateways may hold of the damaged one: they take what is right now.
  redis.call('HSET', KEYS[5], 'sequence', live[2])
else
  redis.call('SREM', KEYS[2], ARGV[1])
end
redis.call('UNLINK', KEYS[3], KEYS[4])
return 1
