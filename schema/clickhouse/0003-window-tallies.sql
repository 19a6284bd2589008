CREATE TABLE IF NOT EXISTS window_tallies (
  event UInt32 COMMENT 'Number of the event; 0 in the row that says how far the archive of a shard is',
  minute DateTime('UTC') COMMENT 'Start of the window',
  contestant UInt16 COMMENT 'Index of the contestant in its event',
  shard UInt8 COMMENT 'voter mod the number of shards',
  generation LowCardinality(String) COMMENT 'Creation of the stream that sequence counts in',
  votes UInt64 COMMENT 'Votes that count, absolute: written again it changes nothing',
  sequence UInt64 COMMENT 'The log of the shard up to this message is in votes: the highest one stands'
)
ENGINE = ReplacingMergeTree(sequence)
PARTITION BY shard
ORDER BY (event, minute, contestant, shard, generation)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Votes that count, by minute of acked_at. Older states of a row stand until a merge: read votes_per_minute.';

CREATE OR REPLACE VIEW votes_per_minute AS
SELECT event, minute, contestant, sum(latest) AS votes
FROM (
  SELECT event, minute, contestant, argMax(window_tallies.votes, sequence) AS latest
  FROM window_tallies
  WHERE event > 0
  GROUP BY event, minute, contestant, shard, generation
)
GROUP BY event, minute, contestant
COMMENT 'Votes that count, by minute of acked_at.';

CREATE OR REPLACE VIEW votes_per_hour AS
SELECT event, toStartOfHour(minute) AS hour, contestant, sum(votes_per_minute.votes) AS votes
FROM votes_per_minute
GROUP BY event, hour, contestant
COMMENT 'Votes that count, by hour of acked_at.';

CREATE OR REPLACE VIEW archive_positions AS
SELECT shard, generation, max(sequence) AS archived_sequence
FROM window_tallies
WHERE event = 0
GROUP BY shard, generation
COMMENT 'How far the log of each shard is in these tables.';
