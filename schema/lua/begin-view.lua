-- Ends a clearing: the view holds the log up to nothing, or what it was filled with.
--
-- KEYS   1 checkpoint, 2 events: deleted after everything else, so while it is not there nothing else is
-- ARGV   1 the token under which the clearing began, 2 generation, 3 the sequence at which the view is whole,
--        4 the sequence as of which it was filled, 5 the steps in which it was
-- Answer 1, or 0 when the token is another, or when what was deleted is back or what was filled is not there: Redis
--        was restored to a moment after the clearing began

if redis.call('HGET', KEYS[1], 'clearing') ~= ARGV[1] then return 0 end
local steps = tonumber(ARGV[5])
if tonumber(redis.call('HGET', KEYS[1], 'filled') or 0) ~= steps then return 0 end
if steps == 0 and redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'generation', ARGV[2], 'sequence', ARGV[4], 'whole_at', ARGV[3])
return 1
