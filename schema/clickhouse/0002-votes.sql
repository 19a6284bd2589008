-- Exact at every moment: whatever was written twice is taken once, merged or not. Filters on event and voter
-- reach the table's key.

CREATE OR REPLACE VIEW closings AS
SELECT
  event,
  shard,
  min((generation, sequence, position)) AS closed_by,
  argMin(acked_at, (generation, sequence, position)) AS closed_at
FROM votes_log
WHERE voter = 0 AND kind = 'closing'
GROUP BY event, shard
COMMENT 'The first closing of each event in the log of each shard: votes that stand after it do not count.';

CREATE OR REPLACE VIEW vote_outcomes AS
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
COMMENT 'Every vote in the log and what became of it: counted, rejected (flagged, or after the closing) or superseded (the voter has an earlier entry).';

CREATE OR REPLACE VIEW votes AS
SELECT * EXCEPT (outcome, flags)
FROM vote_outcomes
WHERE outcome = 'counted'
COMMENT 'The votes that count: one for each event and voter.';

CREATE OR REPLACE VIEW rejected_votes AS
SELECT * EXCEPT (outcome)
FROM vote_outcomes
WHERE outcome = 'rejected'
COMMENT 'Votes in the log that do not count: flagged, or after the closing of their event.';

CREATE OR REPLACE VIEW superseded_votes AS
SELECT * EXCEPT (outcome)
FROM vote_outcomes
WHERE outcome = 'superseded'
COMMENT 'Entries whose voter has an earlier entry in the same event: only the first one is looked at.';
