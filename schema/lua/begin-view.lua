-- Ends a clearing: the view is empty, and holds the log up to nothing.
--
-- KEYS   1 checkpoint, 2 events: deleted after everything else, so while it is not there nothing else is
-- ARGV   1 the token under which the clearing began, 2 generation, 3 the sequence at which the view is whole
-- Answer 1, or 0 when the token is another, or when what was deleted is back: Redis was restored to a moment
--        after the clearing began

if redis.call('HGET', KEYS[1], 'clearing') ~= ARGV[1] then return 0 end
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'generation', ARGV[2], 'sequence', 0, 'whole_at', ARGV[3])
return 1
