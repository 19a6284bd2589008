-- An operator's decisions, and what in the log is dead. Positions are wider than those of votes_log: a damaged
-- message may hold more dead entries than a sound one has entries.

CREATE TABLE IF NOT EXISTS decisions_log (
  event UInt32 COMMENT 'Number of the event',
  shard UInt8 COMMENT 'voter mod the number of shards',
  voter UInt64 COMMENT 'Number of the voter whose vote it is about',
  generation LowCardinality(String) COMMENT 'Creation of the stream that sequence counts in',
  sequence UInt64 COMMENT 'Message in the stream' CODEC(Delta, ZSTD(1)),
  position UInt32 COMMENT 'Place in the message: behind its votes, its closings and its takeover',
  contestant UInt16 COMMENT 'Index of the contestant in its event, of the vote',
  voted_at DateTime64(3, 'UTC') COMMENT 'acked_at of the vote',
  verdict Enum8('reject' = 1, 'admit' = 2) COMMENT 'Whether the vote counts, against its flags and the closing',
  decided_at DateTime64(3, 'UTC') COMMENT 'When the operator said it',
  decided_by UInt64 COMMENT 'Number of the operator as a user'
)
ENGINE = ReplacingMergeTree
PARTITION BY shard
ORDER BY (event, shard, voter, generation, sequence, position)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Every decision in the vote log. One that was written twice stands twice until a merge: read it with FINAL, or read decided_votes.';

CREATE TABLE IF NOT EXISTS dead_entries (
  event UInt32 COMMENT 'Number of the event; 0 where none can be told',
  shard UInt8 COMMENT 'Shard whose log it stands in',
  generation LowCardinality(String) COMMENT 'Creation of the stream that sequence counts in',
  sequence UInt64 COMMENT 'Message in the stream' CODEC(Delta, ZSTD(1)),
  position UInt32 COMMENT 'Place among what is dead in the message',
  reason String COMMENT 'Why nobody can count it' CODEC(ZSTD(1)),
  stored_at DateTime64(3, 'UTC') COMMENT 'When the broker stored the message'
)
ENGINE = ReplacingMergeTree
PARTITION BY shard
ORDER BY (event, shard, generation, sequence, position)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'What stands in the vote log and cannot be counted. Written twice it stands twice until a merge: read dead_letters.';

CREATE OR REPLACE VIEW dead_letters AS
SELECT event, shard, generation, sequence, position, reason, stored_at
FROM dead_entries FINAL
COMMENT 'What stands in the vote log and cannot be counted, and why. entries = counted + rejected + superseded + these.';

-- A decision is looked at only when the archive's position is past it, so that these views and the windows tell of
-- one moment. And only what was decided on is looked up: with no decisions this costs next to nothing.

CREATE OR REPLACE VIEW decided_votes AS
SELECT
  vote.event AS event,
  vote.shard AS shard,
  vote.voter AS voter,
  vote.contestant AS contestant,
  vote.acked_at AS acked_at,
  vote.flags = 0 AND NOT (closing.closed_by.2 > 0 AND vote.stands_at > closing.closed_by) AS counted_before,
  decision.verdict AS verdict,
  decision.decided_at AS decided_at,
  decision.decided_by AS decided_by
FROM (
  SELECT
    event,
    shard,
    voter,
    max((generation, sequence, position)) AS stands_at,
    argMax(said.verdict, (generation, sequence, position)) AS verdict,
    argMax(said.decided_at, (generation, sequence, position)) AS decided_at,
    argMax(said.decided_by, (generation, sequence, position)) AS decided_by
  FROM decisions_log AS said
  INNER JOIN archive_positions AS archived ON said.shard = archived.shard AND said.generation = archived.generation
  WHERE sequence <= archived_sequence
  GROUP BY event, shard, voter
) AS decision
INNER JOIN (
  SELECT
    event,
    shard,
    voter,
    min((generation, sequence, position)) AS stands_at,
    argMin(entry.contestant, (generation, sequence, position)) AS contestant,
    argMin(entry.acked_at, (generation, sequence, position)) AS acked_at,
    argMin(entry.flags, (generation, sequence, position)) AS flags
  FROM votes_log AS entry
  WHERE kind = 'vote' AND (event, shard, voter) IN (SELECT event, shard, voter FROM decisions_log)
  GROUP BY event, shard, voter
) AS vote ON decision.event = vote.event AND decision.shard = vote.shard AND decision.voter = vote.voter
LEFT JOIN closings AS closing ON vote.event = closing.event AND vote.shard = closing.shard
WHERE decision.stands_at > vote.stands_at
COMMENT 'The votes that an operator decided on, with the decision that stands: the last one behind the vote. counted_before: whether the vote would count without it.';

CREATE OR REPLACE VIEW undecided_outcomes AS
SELECT
  entry.event AS event,
  entry.voter AS voter,
  entry.contestant AS contestant,
  entry.acked_at AS acked_at,
  multiIf(
    entry.place > 1, 'superseded',
    entry.flags != 0, 'rejected',
    closing.closed_by.2 > 0 AND (entry.generation, entry.sequence, entry.position) > closing.closed_by, 'rejected',
    'counted'
  ) AS outcome,
  entry.flags AS flags,
  if(entry.client_timestamp = toDateTime64(0, 3, 'UTC'), NULL, entry.client_timestamp) AS client_timestamp,
  entry.device_id AS device_id,
  entry.app_version AS app_version,
  transform(entry.channel, [1, 2], ['rest', 'graphql'], toString(entry.channel)) AS channel,
  entry.trace_id AS trace_id,
  entry.attempt AS attempt,
  entry.shard AS shard,
  entry.generation AS generation,
  entry.sequence AS sequence,
  entry.position AS position
FROM (
  SELECT
    *,
    row_number() OVER (PARTITION BY event, shard, voter ORDER BY generation, sequence, position) AS place
  FROM votes_log FINAL
  WHERE kind = 'vote'
) AS entry
LEFT JOIN closings AS closing ON entry.event = closing.event AND entry.shard = closing.shard
COMMENT 'vote_outcomes as if no operator had ever decided anything.';

CREATE OR REPLACE VIEW vote_outcomes AS
SELECT
  entry.* REPLACE (
    multiIf(
      entry.outcome = 'superseded' OR decided.verdict = 0, entry.outcome,
      decided.verdict = 2, 'counted',
      'rejected'
    ) AS outcome
  ),
  if(entry.outcome != 'superseded' AND decided.verdict > 0, decided.decided_at, NULL) AS decided_at,
  if(entry.outcome != 'superseded' AND decided.verdict > 0, decided.decided_by, NULL) AS decided_by
FROM undecided_outcomes AS entry
LEFT JOIN (
  SELECT event, shard, voter, toUInt8(decided_votes.verdict) AS verdict, decided_at, decided_by FROM decided_votes
) AS decided ON entry.event = decided.event AND entry.shard = decided.shard AND entry.voter = decided.voter
COMMENT 'Every vote in the log and what became of it: counted, rejected (flagged, after the closing, or by an operator) or superseded (the voter has an earlier entry). decided_at and decided_by are of the decision that stands, if any.';

-- A view with parameters is read like this:
--   SELECT * FROM vote_outcomes_at(shard = 0, generation = '2026-…', up_to = 1000) WHERE shard = 0
-- What becomes of an entry follows from the log before it and from the decisions behind it. So the entries and the
-- decisions behind that message are left out, and with them the logs of the shard that were begun after this one.
-- No other view is made of this one: ClickHouse would look for it in the database of whoever asks.

CREATE OR REPLACE VIEW vote_outcomes_at AS
SELECT
  entry.* REPLACE (
    multiIf(
      entry.outcome = 'superseded' OR decision.stands_at < (entry.generation, entry.sequence, entry.position), entry.outcome,
      decision.verdict = 2, 'counted',
      'rejected'
    ) AS outcome
  )
FROM (
  SELECT *
  FROM undecided_outcomes
  WHERE shard != {shard:UInt8} OR (generation, sequence) <= ({generation:String}, {up_to:UInt64})
) AS entry
LEFT JOIN (
  SELECT
    event,
    shard,
    voter,
    max((generation, sequence, position)) AS stands_at,
    argMax(toUInt8(said.verdict), (generation, sequence, position)) AS verdict
  FROM decisions_log AS said
  WHERE shard != {shard:UInt8} OR (generation, sequence) <= ({generation:String}, {up_to:UInt64})
  GROUP BY event, shard, voter
) AS decision ON entry.event = decision.event AND entry.shard = decision.shard AND entry.voter = decision.voter
COMMENT 'vote_outcomes as of a message of a shard''s log; the other shards are whole.';

CREATE OR REPLACE VIEW votes AS
SELECT * EXCEPT (outcome)
FROM vote_outcomes
WHERE outcome = 'counted'
COMMENT 'The votes that count: one for each event and voter.';

CREATE OR REPLACE VIEW rejected_votes AS
SELECT * EXCEPT (outcome)
FROM vote_outcomes
WHERE outcome = 'rejected'
COMMENT 'Votes in the log that do not count: flagged, after the closing of their event, or by an operator''s decision.';

CREATE OR REPLACE VIEW superseded_votes AS
SELECT * EXCEPT (outcome)
FROM vote_outcomes
WHERE outcome = 'superseded'
COMMENT 'Entries whose voter has an earlier entry in the same event: only the first one is looked at.';

-- window_tallies holds what votes, flags and closings make, absolute and written once. A decision may be about any
-- window, however old: what it changes is added here, as of the same message of each shard's log.

CREATE OR REPLACE VIEW votes_per_minute AS
SELECT event, minute, contestant, toUInt64(sum(part)) AS votes
FROM (
  SELECT event, minute, contestant, toInt64(argMax(tally.votes, sequence)) AS part
  FROM window_tallies AS tally
  WHERE event > 0
  GROUP BY event, minute, contestant, shard, generation
  UNION ALL
  SELECT
    event,
    toDateTime(toStartOfMinute(acked_at), 'UTC') AS minute,
    contestant,
    if(verdict = 'admit', 1, -1) AS part
  FROM decided_votes
  WHERE counted_before != (verdict = 'admit')
)
GROUP BY event, minute, contestant
HAVING sum(part) > 0
COMMENT 'Votes that count, by minute of acked_at.';
