-- Applies a stretch of a shard's log to its view, or nothing at all.
--
-- It is a compare-and-set on the checkpoint: unless the view ends exactly where the stretch begins, nothing is
-- written. So it may be sent any number of times, by anybody, and a Redis that lost its data, was restored from
-- an older file or failed over to a lagging replica is noticed here.
--
-- KEYS   1 checkpoint, 2 events; then for each event: tally, chunks; for each chunk: voted, rejected; then one
--        for each window
-- ARGV   1 header (JSON): generation, previous, sequence, events [{number, sequence, acked_at}],
--          chunks [{event, number, decided: whether a decision is about one of its voters}],
--          windows [expire_at in seconds]; indexes begin at 1
--        2 the entries in the order of the log, 12 bytes each, big-endian: chunk u32, window u32,
--          offset u16, choice u16: the contestant (13 bits) and 0x8000 a flagged vote, 0x4000 a decision, which
--          admits with 0x2000 and else rejects. Chunk 0: the window's place holds the event, and the choice is
--          0 for a closing, 1 for an entry that is dead
--        3 the time of each closing in the order of the log (JSON)
-- Answer {1, tally of event 1, tally of event 2, …} (each as HGETALL), or {0, generation, sequence}

local band, bor, rshift = bit.band, bit.bor, bit.rshift
local byte, read_entry = string.byte, struct.unpack

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
  counts[e] = {entries = 0, rejected = 0, superseded = 0, dead = 0, votes = {}}
end
-- As Redis holds them: who has voted, and whose vote does not count (read only where somebody decided on it).
local voted, rejected = {}, {}
-- What becomes of votes, by offset: of those in this stretch, and of earlier ones that a decision changes.
local cast, changed = {}, {}
local COUNTED, REJECTED = 1, 2
local event_of = {}
for c, chunk in ipairs(header.chunks) do
  event_of[c] = chunk.event
  voted[c] = redis.call('GET', KEYS[chunks_at + 2 * c - 1]) or ''
  if chunk.decided then
    rejected[c] = redis.call('GET', KEYS[chunks_at + 2 * c]) or ''
  else
    redis.call('GETBIT', KEYS[chunks_at + 2 * c], 0)
  end
  cast[c], changed[c] = {}, {}
end
local windows = {}
for w = 1, #header.windows do
  redis.call('HLEN', KEYS[windows_at + w])
  windows[w] = {}
end

-- What the entries say, in the order of the log.

local function has(bits, offset)
  return band(byte(bits, rshift(offset, 3) + 1) or 0, rshift(128, band(offset, 7))) ~= 0
end

local function decide(c, w, offset, verdict, contestant)
  local states = cast[c][offset] and cast[c] or changed[c]
  local state = states[offset]
  if not state then
    if not has(voted[c], offset) then return end
    state = has(rejected[c], offset) and REJECTED or COUNTED
  end
  if state == verdict then return end
  states[offset] = verdict
  local votes = verdict == COUNTED and 1 or -1
  local count = counts[event_of[c]]
  count.rejected = count.rejected - votes
  count.votes[contestant] = (count.votes[contestant] or 0) + votes
  windows[w][contestant] = (windows[w][contestant] or 0) + votes
end

local closing_times, closing_index = {}, 0
for position = 1, #entries, 12 do
  local c, w, offset, choice = read_entry('>I4I4I2I2', entries, position)
  if c == 0 then
    if choice == 1 then
      counts[w].entries = counts[w].entries + 1
      counts[w].dead = counts[w].dead + 1
    else
      closing_index = closing_index + 1
      if not closed[w] then
        closed[w] = true
        closing_times[w] = closings[closing_index]
      end
    end
  elseif choice >= 16384 and choice < 32768 then
    decide(c, w, offset, choice >= 24576 and COUNTED or REJECTED, choice % 8192)
  else
    local e, states = event_of[c], cast[c]
    local count = counts[e]
    count.entries = count.entries + 1
    if states[offset] or has(voted[c], offset) then
      count.superseded = count.superseded + 1
    elseif choice >= 32768 or closed[e] then
      states[offset] = REJECTED
      count.rejected = count.rejected + 1
    else
      states[offset] = COUNTED
      local votes, window = count.votes, windows[w]
      votes[choice] = (votes[choice] or 0) + 1
      window[choice] = (window[choice] or 0) + 1
    end
  end
end

-- What becomes of the chunks.

-- With so many new votes, writing the whole chunk is less to do, and less for the append-only file, than bit by bit.
local MANY = 8

local function with_bits(bits, offsets)
  local bytes, length = {byte(bits, 1, -1)}, #bits
  for offset in pairs(offsets) do
    local at = rshift(offset, 3) + 1
    while length < at do
      length = length + 1
      bytes[length] = 0
    end
    bytes[at] = bor(bytes[at], rshift(128, band(offset, 7)))
  end
  return string.char(unpack(bytes))
end

local whole = {}
for c = 1, chunk_count do
  local count = 0
  for _ in pairs(cast[c]) do count = count + 1 end
  if count >= MANY then whole[c] = with_bits(voted[c], cast[c]) end
end

-- Writes. What adds up to nothing is not kept, so the view does not depend on how the log was cut.

local function add(key, field, count)
  if count ~= 0 and redis.call('HINCRBY', key, field, count) == 0 then redis.call('HDEL', key, field) end
end

for e = 1, event_count do
  local event, count, tally = header.events[e], counts[e], KEYS[1 + 2 * e]
  redis.call('SADD', KEYS[2], event.number)
  for contestant, votes in pairs(count.votes) do add(tally, contestant, votes) end
  for _, field in ipairs({'entries', 'rejected', 'superseded', 'dead'}) do add(tally, field, count[field]) end
  redis.call('HSET', tally, 'sequence', event.sequence)
  if event.acked_at > 0 then redis.call('HSET', tally, 'acked_at', event.acked_at) end
  if closing_times[e] then redis.call('HSET', tally, 'closed_at', closing_times[e]) end
end
for c = 1, chunk_count do
  local chunk, voted_key, rejected_key = header.chunks[c], KEYS[chunks_at + 2 * c - 1], KEYS[chunks_at + 2 * c]
  if next(cast[c]) then redis.call('SETBIT', KEYS[2 + 2 * chunk.event], chunk.number, 1) end
  if whole[c] then redis.call('SET', voted_key, whole[c]) end
  for offset, state in pairs(cast[c]) do
    if not whole[c] then redis.call('SETBIT', voted_key, offset, 1) end
    if state == REJECTED then redis.call('SETBIT', rejected_key, offset, 1) end
  end
  if next(changed[c]) then
    for offset, state in pairs(changed[c]) do
      redis.call('SETBIT', rejected_key, offset, state == REJECTED and 1 or 0)
    end
    if redis.call('BITCOUNT', rejected_key) == 0 then redis.call('DEL', rejected_key) end
  end
end
for w, votes in ipairs(windows) do
  for contestant, count in pairs(votes) do add(KEYS[windows_at + w], contestant, count) end
  -- One whose time is over, as in a replay of an old log, is gone with this.
  redis.call('EXPIREAT', KEYS[windows_at + w], header.windows[w])
end
redis.call('HSET', KEYS[1], 'sequence', header.sequence)

local answer = {1}
for e = 1, event_count do answer[e + 1] = redis.call('HGETALL', KEYS[1 + 2 * e]) end
return answer
