-- Fills a view that was emptied, step by step, with what another sink knows of the shard.
--
-- Each step fits only behind the one before it: a Redis that was restored to an earlier moment in between is noticed
-- here, and so is somebody else who has begun to make the view anew.
--
-- KEYS   1 checkpoint, 2 events: deleted last by the clearing, so while it is not there nothing else is; then the
--        keys to fill
-- ARGV   1 the token under which the clearing began, 2 the number of this step, from 1, 3 the event; then what
--        each key becomes: 's' and its bytes, or 'h' and a JSON list of fields and values in turn, or 'w' and such
--        a list behind the second (of 1970) at which it expires
-- Answer 1, or 0 when the step does not fit

if redis.call('HGET', KEYS[1], 'clearing') ~= ARGV[1] then return 0 end
local step = tonumber(ARGV[2])
if tonumber(redis.call('HGET', KEYS[1], 'filled') or 0) ~= step - 1 then return 0 end
if step == 1 and redis.call('EXISTS', KEYS[2]) == 1 then return 0 end

for index = 3, #KEYS do
  local kind, value = string.sub(ARGV[index + 1], 1, 1), string.sub(ARGV[index + 1], 2)
  if kind == 's' then
    redis.call('SET', KEYS[index], value)
  else
    local fields = cjson.decode(value)
    local expires_at = kind == 'w' and table.remove(fields, 1)
    redis.call('HSET', KEYS[index], unpack(fields))
    if expires_at then redis.call('EXPIREAT', KEYS[index], expires_at) end
  end
end
redis.call('SADD', KEYS[2], ARGV[3])
redis.call('HSET', KEYS[1], 'filled', step)
return 1
