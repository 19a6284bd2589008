import type { ClickHouseClient } from '@votestream/infra/clickhouse'
import type { ContestantIndex, EventNumber, Shard } from '@votestream/schema/numbers'
import { emptyBooks } from '@votestream/schema/replay'
import { type EventAtCut, NO_ROWS, type Rows, type Windows } from './log-cuts.js'

/** Minutes: the windows that ClickHouse keeps. */
export const MINUTE_MS = 60_000

/** One shard's entries of one stream. */
interface ArchiveReading {
  readonly clickhouse: ClickHouseClient
  readonly shard: Shard
  readonly generation: string
}

/** The archive was begun anew while it was read: what it holds of the stream grows again. */
export class ArchiveLostError extends Error {
  override readonly name = 'ArchiveLostError'
}

/** How far into a stream the archive is; 0 when it has nothing of it. */
export const readArchivedSequence = async (reading: ArchiveReading): Promise<number> => {
  const [row] = await rowsOf<{ archived_sequence: number }>(reading, ARCHIVED_QUERY)
  return row?.archived_sequence ?? 0
}

const ARCHIVED_QUERY = `
SELECT archived_sequence FROM archive_positions
WHERE shard = {shard:UInt8} AND generation = {generation:String}`

export interface ArchivedWindows {
  /** Everything up to this message is in the windows, and nothing behind it. */
  readonly sequence: number
  readonly windows: ReadonlyMap<EventNumber, Windows>
}

/**
 * The windows with how far the archive is: one query, hence of one moment, since the archive writes both in one
 * block. They are of the votes as they were written; what decisions up to that message change is added, as the
 * analysts' views do. It holds every minute of every event.
 */
export const readArchivedWindows = async (
  reading: ArchiveReading,
  wants: (event: EventNumber) => boolean,
): Promise<ArchivedWindows> => {
  const rows = await rowsOf<MinuteRow & { readonly sequence: number }>(reading, WINDOWS_QUERY)
  const sequence = Math.max(0, ...rows.filter(({ event }) => event === 0).map((row) => row.sequence))
  const decided = await rowsOf<MinuteRow>(reading, DECIDED_QUERY, { upTo: sequence })
  const ofEvents = [...rows, ...decided].filter(({ event }) => event !== 0 && wants(event))
  return { sequence, windows: windowsByEvent(ofEvents) }
}

interface MinuteRow {
  readonly event: EventNumber
  readonly contestant: ContestantIndex
  readonly start_ms: number
  readonly total: number
}

const WINDOWS_QUERY = `
SELECT event, contestant, toUnixTimestamp(minute) * 1000 AS start_ms,
  argMax(window_tallies.votes, window_tallies.sequence) AS total, max(window_tallies.sequence) AS sequence
FROM window_tallies
WHERE shard = {shard:UInt8} AND generation = {generation:String}
GROUP BY event, contestant, minute`

const UP_TO = 'shard = {shard:UInt8} AND generation = {generation:String} AND sequence <= {upTo:UInt64}'

/** What stands behind the message is left out: entries, and decisions about those before it. */
const OUTCOMES_AT =
  'vote_outcomes_at(shard = {shard:UInt8}, generation = {generation:String}, up_to = {upTo:UInt64})'

/** What a decision was about, by minute: how it counts as of a message, less how it would without the decision. */
const DECIDED = `${UP_TO} AND outcome = 'counted'
  AND (event, voter) IN (SELECT event, voter FROM decisions_log WHERE ${UP_TO})`

const DECIDED_QUERY = `
SELECT event, contestant, toUnixTimestamp(toStartOfMinute(acked_at)) * 1000 AS start_ms, sum(part) AS total
FROM (
  SELECT event, contestant, acked_at, 1 AS part FROM ${OUTCOMES_AT} WHERE ${DECIDED}
  UNION ALL
  SELECT event, contestant, acked_at, -1 AS part FROM undecided_outcomes WHERE ${DECIDED}
)
GROUP BY event, contestant, start_ms`

/** What is said of the same window more than once is added up. */
const windowsByEvent = (rows: readonly MinuteRow[]): ReadonlyMap<EventNumber, Windows> => {
  const events = new Map<EventNumber, Map<number, Map<ContestantIndex, number>>>()
  for (const { event, contestant, start_ms, total } of rows) {
    const windows = events.get(event) ?? new Map<number, Map<ContestantIndex, number>>()
    events.set(event, windows)
    const votes = windows.get(start_ms) ?? new Map<ContestantIndex, number>()
    windows.set(start_ms, votes.set(contestant, (votes.get(contestant) ?? 0) + total))
  }
  return events
}

/** Which events ClickHouse has anything of, up to a message. */
export const readArchivedEvents = async (reading: ArchiveReading, upTo: number): Promise<EventNumber[]> => {
  const rows = await rowsOf<{ event: EventNumber }>(reading, EVENTS_QUERY, { upTo })
  return rows.map(({ event }) => event)
}

const EVENTS_QUERY = `
SELECT event FROM votes_log WHERE ${UP_TO} AND kind != 'takeover'
UNION DISTINCT SELECT event FROM decisions_log WHERE ${UP_TO}
UNION DISTINCT SELECT event FROM dead_entries WHERE ${UP_TO}`

export interface EarlierStream {
  readonly generation: string
  readonly entries: number
  readonly events: readonly EventNumber[]
}

/** What ClickHouse holds of streams that the log no longer has. */
export const readEarlierStreams = async (reading: ArchiveReading): Promise<EarlierStream[]> =>
  rowsOf<EarlierStream>(reading, EARLIER_QUERY)

const EARLIER_QUERY = `
SELECT generation, uniqExact(sequence, position) AS entries, groupUniqArray(event) AS events FROM votes_log
WHERE shard = {shard:UInt8} AND generation != {generation:String} AND kind != 'takeover'
GROUP BY generation ORDER BY generation`

/** Events in one query at most: they travel in its address. */
const EVENTS_AT_ONCE = 256

export interface RowsReading extends ArchiveReading {
  readonly events: readonly EventNumber[]
  /** Where the log begins: rows are counted from there on. */
  readonly firstSequence: number
  readonly upTo: number
}

/** What the analysts' view says of events as of a message of the log. */
export const readClickhouseBooks = async (
  reading: RowsReading,
): Promise<ReadonlyMap<EventNumber, EventAtCut>> => {
  const found = new Map<
    EventNumber,
    { books: EventAtCut['books']; rows: { -readonly [What in keyof Rows]: number } }
  >()
  const eventOf = (event: EventNumber) => {
    const known = found.get(event) ?? { books: emptyBooks(), rows: { ...NO_ROWS } }
    found.set(event, known)
    return known
  }
  for (const values of slices(reading)) {
    for (const row of await rowsOf<OutcomeRow>(reading, OUTCOMES_QUERY, values)) {
      const { books, rows } = eventOf(row.event)
      books.entries += row.total
      books[row.outcome] += row.total
      if (row.outcome === 'counted') books.totals.set(row.contestant, row.total)
      rows.votes += row.in_log
    }
    for (const { event, what, total, in_log } of await rowsOf<NoVoteRow>(reading, NO_VOTES_QUERY, values)) {
      const { books, rows } = eventOf(event)
      rows[what] += in_log
      if (what !== 'dead') continue
      books.entries += total
      books.dead += total
    }
  }
  return found
}

function* slices({ events, firstSequence, upTo }: RowsReading) {
  for (let at = 0; at < events.length; at += EVENTS_AT_ONCE) {
    yield { events: events.slice(at, at + EVENTS_AT_ONCE), firstSequence, upTo }
  }
}

interface OutcomeRow {
  readonly event: EventNumber
  readonly contestant: ContestantIndex
  readonly outcome: 'counted' | 'rejected' | 'superseded'
  readonly total: number
  readonly in_log: number
}

const OF_EVENTS = `${UP_TO} AND event IN {events:Array(UInt32)}`

const OUTCOMES_QUERY = `
SELECT event, contestant, outcome, count() AS total, countIf(sequence >= {firstSequence:UInt64}) AS in_log
FROM ${OUTCOMES_AT}
WHERE ${OF_EVENTS}
GROUP BY event, contestant, outcome`

interface NoVoteRow {
  readonly event: EventNumber
  readonly what: 'closings' | 'decisions' | 'dead'
  readonly total: number
  readonly in_log: number
}

const noVotes = (what: NoVoteRow['what'], from: string): string => `
SELECT event, '${what}' AS what, count() AS total, countIf(sequence >= {firstSequence:UInt64}) AS in_log
FROM ${from} GROUP BY event`

const NO_VOTES_QUERY = [
  noVotes('closings', `votes_log FINAL WHERE ${OF_EVENTS} AND voter = 0 AND kind = 'closing'`),
  noVotes('decisions', `decisions_log FINAL WHERE ${OF_EVENTS}`),
  noVotes('dead', `dead_entries FINAL WHERE ${OF_EVENTS}`),
].join(' UNION ALL ')

/** By minute, what the view says of the votes that count: what the windows must be where no log tells. */
export const readMinutesOfRows = async (reading: RowsReading): Promise<ReadonlyMap<EventNumber, Windows>> => {
  const rows: MinuteRow[] = []
  for (const values of slices(reading))
    rows.push(...(await rowsOf<MinuteRow>(reading, MINUTES_QUERY, values)))
  return windowsByEvent(rows)
}

const MINUTES_QUERY = `
SELECT event, contestant, toUnixTimestamp(toStartOfMinute(acked_at)) * 1000 AS start_ms, count() AS total
FROM ${OUTCOMES_AT}
WHERE ${OF_EVENTS} AND outcome = 'counted'
GROUP BY event, contestant, start_ms`

const rowsOf = async <Row>(
  { clickhouse, shard, generation }: ArchiveReading,
  query: string,
  values: Record<string, unknown> = {},
): Promise<Row[]> => {
  const result = await clickhouse.query({
    query,
    query_params: { shard, generation, ...values },
    format: 'JSONEachRow',
    clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
  })
  return result.json<Row>()
}
