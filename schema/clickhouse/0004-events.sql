CREATE TABLE IF NOT EXISTS event_records (
  event UInt32 COMMENT 'Number of the event',
  event_id String COMMENT 'The identifier that clients know',
  name String,
  created_by UInt64 COMMENT 'Number of the user',
  created_at DateTime64(3, 'UTC'),
  opens_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Null: open from the beginning',
  closes_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Null: open until somebody closes it',
  written_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(written_at)
ORDER BY event
COMMENT 'States of the catalog: read events.';

CREATE TABLE IF NOT EXISTS contestant_records (
  event UInt32 COMMENT 'Number of the event',
  contestant UInt16 COMMENT 'Index of the contestant in its event',
  contestant_id String COMMENT 'The identifier that clients know',
  name String,
  written_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(written_at)
ORDER BY (event, contestant)
COMMENT 'States of the catalog: read contestants.';

CREATE OR REPLACE VIEW events AS
SELECT event, event_id, name, created_by, created_at, opens_at, closes_at
FROM event_records FINAL
COMMENT 'The events, to be joined by their number.';

CREATE OR REPLACE VIEW contestants AS
SELECT event, contestant, contestant_id, name
FROM contestant_records FINAL
COMMENT 'The contestants, to be joined by event and contestant.';
