import type { ContestantIndex, EventNumber } from '@votestream/schema/numbers'
import { type ArchiveQueries, archiveUnavailable } from '../archive-queries.js'
import type { Deadline } from '../deadlines.js'
import type { TallyPosition } from './recent-windows.js'
import type { WindowVotes } from './timelines.js'

/** The windows of a minute and more that the archive holds. */
export interface ArchivedWindows {
  /**
   * @throws VotestreamError RESULTS_UNAVAILABLE while the archive is away, or so far behind that something from
   * before the cut may be missing.
   */
  read(range: ArchivedRange, deadline?: Deadline): Promise<WindowVotes[]>
}

export interface ArchivedRange {
  readonly event: EventNumber
  readonly windowMs: number
  readonly startMs: number
  readonly endMs: number
  /** All that was acknowledged before it must be there. */
  readonly cutMs: number
  /** How far the logs are that the archive is made of, in the event. */
  readonly positions: readonly TallyPosition[]
}

interface Archived {
  readonly shard: number
  readonly generation: string
  /** The shard's log is archived up to this message. */
  readonly sequence: number
  /** The latest minute in which the event has votes here, milliseconds since 1970; 0: none. */
  readonly latestMs: number
}

export const createArchivedWindows = ({ select }: ArchiveQueries): ArchivedWindows => ({
  async read({ event, windowMs, startMs, endMs, cutMs, positions }, deadline) {
    // How far it is is asked first: what is archived by then is there when the votes are read.
    const archived = await select<Archived>(POSITIONS_QUERY, { event }, deadline)
    const behind = positions.find((position) => !holdsBefore(cutMs, position, archived))
    if (behind) throw archiveUnavailable(new Error(`the archive of shard ${behind.shard} is behind`))
    const seconds = { start: startMs / 1_000, end: endMs / 1_000, window: windowMs / 1_000 }
    type Row = WindowVotes & { contestant: ContestantIndex }
    return select<Row>(VOTES_QUERY, { event, ...seconds }, deadline)
  },
})

/**
 * Whether everything of the event from before the cut is archived in a shard. Time does not go back in its log:
 * where something from after the cut is archived, all before it is, too. An operator's decision may be about any
 * time: one that the archive does not have yet is shown when it has it, as on every page that was read before.
 */
const holdsBefore = (cutMs: number, position: TallyPosition, archived: readonly Archived[]): boolean => {
  if (position.sequence === 0) return true
  const found = archived.find(
    ({ shard, generation }) => shard === position.shard && generation === position.generation,
  )
  return found !== undefined && (found.sequence >= position.sequence || found.latestMs >= cutMs)
}

const POSITIONS_QUERY = `
SELECT shard, generation, maxIf(window_tallies.sequence, event = 0) AS sequence,
  toUnixTimestamp(maxIf(minute, event > 0)) * 1000 AS latestMs
FROM window_tallies
WHERE event IN (0, {event:UInt32})
GROUP BY shard, generation`

const VOTES_QUERY = `
SELECT intDiv(toUnixTimestamp(minute), {window:UInt32}) * {window:UInt32} * 1000 AS startMs, contestant,
  sum(minute_votes.votes) AS votes
FROM minute_votes
WHERE event = {event:UInt32} AND minute >= toDateTime({start:UInt32}) AND minute < toDateTime({end:UInt32})
GROUP BY startMs, contestant`
