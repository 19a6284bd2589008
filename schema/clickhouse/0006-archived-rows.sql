-- Whatever takes rows away, however old (a part that a broken disk or a crash left unreadable), is noticed by whoever
-- archives next.

ALTER TABLE window_tallies
  ADD COLUMN IF NOT EXISTS archived_rows UInt64
  COMMENT 'Where event is 0: how many rows votes_log and decisions_log have of this log up to sequence; 0 when nobody counted them';
