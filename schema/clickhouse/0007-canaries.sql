-- Canaries are events that a check of the system itself made, to see its own votes counted. The views of analysts leave
-- them out; vote_outcomes, votes_log and window_tallies tell of all that is in the log, as the books must.

ALTER TABLE event_records
  ADD COLUMN IF NOT EXISTS canary Bool DEFAULT false COMMENT 'Made by a check of the system itself' AFTER closes_at;

-- Once marked, an event stays so: an older state without the mark takes nothing back.
CREATE OR REPLACE VIEW canary_events AS
SELECT DISTINCT event
FROM event_records
WHERE canary
COMMENT 'Events that a check of the system itself made: votes, rejected_votes, superseded_votes, votes_per_minute and votes_per_hour leave them out.';

CREATE OR REPLACE VIEW events AS
SELECT event, event_id, name, created_by, created_at, opens_at, closes_at, canary
FROM event_records FINAL
COMMENT 'The events, to be joined by their number; canary: made by a check of the system itself.';

CREATE OR REPLACE VIEW votes AS
SELECT * EXCEPT (outcome)
FROM vote_outcomes
WHERE outcome = 'counted' AND event NOT IN (SELECT event FROM canary_events)
COMMENT 'The votes that count: one for each event and voter. Without those of canary events.';

CREATE OR REPLACE VIEW canary_votes AS
SELECT * EXCEPT (outcome)
FROM vote_outcomes
WHERE outcome = 'counted' AND event IN (SELECT event FROM canary_events)
COMMENT 'The votes of canary events that count: what a check of the system itself cast.';

CREATE OR REPLACE VIEW rejected_votes AS
SELECT * EXCEPT (outcome)
FROM vote_outcomes
WHERE outcome = 'rejected' AND event NOT IN (SELECT event FROM canary_events)
COMMENT 'Votes in the log that do not count: flagged, after the closing of their event, or by an operator''s decision. Without those of canary events.';

CREATE OR REPLACE VIEW superseded_votes AS
SELECT * EXCEPT (outcome)
FROM vote_outcomes
WHERE outcome = 'superseded' AND event NOT IN (SELECT event FROM canary_events)
COMMENT 'Entries whose voter has an earlier entry in the same event: only the first one is looked at. Without those of canary events.';

CREATE OR REPLACE VIEW minute_votes AS
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
COMMENT 'Votes that count, by minute of acked_at, those of canary events included: what an event''s own page shows.';

CREATE OR REPLACE VIEW votes_per_minute AS
SELECT event, minute, contestant, votes
FROM minute_votes
WHERE event NOT IN (SELECT event FROM canary_events)
COMMENT 'Votes that count, by minute of acked_at. Without those of canary events.';

CREATE OR REPLACE VIEW votes_per_hour AS
SELECT event, toStartOfHour(minute) AS hour, contestant, sum(votes_per_minute.votes) AS votes
FROM votes_per_minute
GROUP BY event, hour, contestant
COMMENT 'Votes that count, by hour of acked_at. Without those of canary events.';
