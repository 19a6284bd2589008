-- Applies a stretch of a shard's log to its view, or nothing at all.
--
-- It is a compare-and-set on the checkpoint: unless the view ends exactly where the stretch begins, nothing is
-- written. So it may be sent any number of times, by anybody, and a Redis that lost its data, was restored from
-- an older file or failed over to a lagging replica is noticed here.
--
-- KEYS   1 checkpoint, 2 events; then for each event: tally, chunks; for each chunk: voted, rejected; then one
--        for each window
-- ARGV   1 header (JSON): generation, previous, sequence, events [{number, sequence, acked_at}],
--          chunks [{event, number}], windows [expire_at in seconds]; indexes begin at 1
--        2 the entries in the order of the log, 12 bytes each, big-endian: chunk or event u32, window u32
--          (0: none), offset u16, contestant u15 with the top bit for a flagged vote; a closing has chunk 0 and
--          the event in the window's place
--        3 the time of each closing in the order of the log (JSON)
-- Answer {1, tally of event 1, tally of event 2, …} (each as HGETALL), or {0, generation, sequence}

local header = cjson.decode(ARGV[1])
local entries = ARGV[2]
local closings = cjson.decode(ARGV[3])

-- Reads and checks: everything that could fail does so before the first write, since Lua does not roll back.

local stored = redis.call('HMGET', KEYS[1], 'generation', 'sequence')
if stored[1] ~= header.generation or tonumber(stored[2]) ~= header.previous then
  return {0, stored[1], stored[2]}
end

local event_count, chunk_count = #header.events, #header.chunks
local chunks_at = 2 + 2 * event_count
local windows_at = chunks_at + 2 * chunk_count

redis.call('SCARD', KEYS[2])
local closed, counts = {}, {}
for e = 1, event_count do
  closed[e] = redis.call('HEXISTS', KEYS[1 + 2 * e], 'closed_at') == 1
  redis.call('BITCOUNT', KEYS[2 + 2 * e], 0, 0)
  counts[e] = {entries = 0, rejected = 0, superseded = 0, votes = {}}
end
local voted, seen = {}, {}
for c = 1, chunk_count do
  voted[c] = redis.call('GET', KEYS[chunks_at + 2 * c - 1]) or ''
  redis.call('GETBIT', KEYS[chunks_at + 2 * c], 0)
  seen[c] = {}
end
local windows = {}
for w = 1, #header.windows do
  redis.call('HLEN', KEYS[windows_at + w])
  windows[w] = {}
end

-- Decisions, in the order of the log.

local rejected = {}
local closing_times, closing_index = {}, 0
for position = 1, #entries, 12 do
  local c, w, offset, choice = struct.unpack('>I4I4I2I2', entries, position)
  if c == 0 then
    closing_index = closing_index + 1
    if not closed[w] then
      closed[w] = true
      closing_times[w] = closings[closing_index]
    end
  else
    local e = header.chunks[c].event
    local count = counts[e]
    count.entries = count.entries + 1
    local byte = string.byte(voted[c], math.floor(offset / 8) + 1) or 0
    if seen[c][offset] or bit.band(byte, bit.rshift(128, offset % 8)) ~= 0 then
      count.superseded = count.superseded + 1
    else
      seen[c][offset] = true
      if choice >= 32768 or closed[e] then
        count.rejected = count.rejected + 1
        rejected[#rejected + 1] = {c, offset}
      else
        count.votes[choice] = (count.votes[choice] or 0) + 1
        if w > 0 then windows[w][choice] = (windows[w][choice] or 0) + 1 end
      end
    end
  end
end

-- Writes.

for e = 1, event_count do
  local event, count, tally = header.events[e], counts[e], KEYS[1 + 2 * e]
  redis.call('SADD', KEYS[2], event.number)
  for contestant, votes in pairs(count.votes) do redis.call('HINCRBY', tally, contestant, votes) end
  for _, field in ipairs({'entries', 'rejected', 'superseded'}) do
    if count[field] > 0 then redis.call('HINCRBY', tally, field, count[field]) end
  end
  redis.call('HSET', tally, 'sequence', event.sequence)
  if event.acked_at > 0 then redis.call('HSET', tally, 'acked_at', event.acked_at) end
  if closing_times[e] then redis.call('HSET', tally, 'closed_at', closing_times[e]) end
end
for c = 1, chunk_count do
  local chunk = header.chunks[c]
  redis.call('SETBIT', KEYS[2 + 2 * chunk.event], chunk.number, 1)
  for offset in pairs(seen[c]) do redis.call('SETBIT', KEYS[chunks_at + 2 * c - 1], offset, 1) end
end
for _, entry in ipairs(rejected) do redis.call('SETBIT', KEYS[chunks_at + 2 * entry[1]], entry[2], 1) end
for w, votes in ipairs(windows) do
  for contestant, count in pairs(votes) do redis.call('HINCRBY', KEYS[windows_at + w], contestant, count) end
  redis.call('EXPIREAT', KEYS[windows_at + w], header.windows[w])
end
redis.call('HSET', KEYS[1], 'sequence', header.sequence)

local answer = {1}
for e = 1, event_count do answer[e + 1] = redis.call('HGETALL', KEYS[1 + 2 * e]) end
return answer
