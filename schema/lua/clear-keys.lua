-- Deletes keys of a shard that is being made anew, as long as nobody else has begun to make it anew since:
-- otherwise the deleted keys might be the other's new ones.
--
-- KEYS   1 checkpoint; then the keys to delete
-- ARGV   1 the token under which the clearing began
-- Answer 1, or 0 when the token is another

if redis.call('HGET', KEYS[1], 'clearing') ~= ARGV[1] then return 0 end
for index = 2, #KEYS do redis.call('UNLINK', KEYS[index]) end
return 1
