-- Every statement can be run again: a migration that was cut off is begun again from its first statement.

CREATE TABLE IF NOT EXISTS votes_log (
  event UInt32 COMMENT 'Number of the event; 0 for a takeover',
  shard UInt8 COMMENT 'voter mod the number of shards',
  voter UInt64 COMMENT 'Number of the voter; 0 for what is no vote',
  generation LowCardinality(String) COMMENT 'Creation of the stream that sequence counts in',
  sequence UInt64 COMMENT 'Message in the stream' CODEC(Delta, ZSTD(1)),
  position UInt16 COMMENT 'Place in the message: votes, then closings, then the takeover',
  kind Enum8('vote' = 1, 'closing' = 2, 'takeover' = 3) COMMENT 'What the entry is',
  contestant UInt16 COMMENT 'Index of the contestant in its event',
  attempt UInt64 COMMENT 'Names one try of a client',
  acked_at DateTime64(3, 'UTC') COMMENT 'When the owner of the shard accepted it; never goes back within a shard' CODEC(Delta, ZSTD(1)),
  client_timestamp DateTime64(3, 'UTC') COMMENT 'What the client said; 1970 when it said nothing' CODEC(Delta, ZSTD(1)),
  device_id String COMMENT 'What the client said' CODEC(ZSTD(1)),
  app_version LowCardinality(String) COMMENT 'What the client said',
  channel UInt8 COMMENT '1: REST, 2: GraphQL',
  flags UInt32 COMMENT 'Not 0: the vote does not count' CODEC(T64, ZSTD(1)),
  trace_id String COMMENT '32 hexadecimal digits, or empty' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY (shard, toYYYYMM(acked_at))
ORDER BY (event, shard, voter, generation, sequence, position)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Every entry of the vote log. An entry that was written twice stands twice until a merge: read it with FINAL, or read vote_outcomes.';
