import type { ContestantIndex, EventNumber, Shard, VoterNumber } from '@votestream/schema/numbers'
import type { ArchiveQueries } from './archive-queries.js'
import type { Deadline } from './deadlines.js'

/** What a decision must say of the vote that it is about. */
export interface FirstEntry {
  readonly contestant: ContestantIndex
  readonly ackedAtMs: number
}

/** The archive, asked for single votes. */
export interface ArchivedVotes {
  /** The entry of a voter that may count, by the table's key. @throws VotestreamError RESULTS_UNAVAILABLE */
  first(
    event: EventNumber,
    shard: Shard,
    voter: VoterNumber,
    deadline?: Deadline,
  ): Promise<FirstEntry | undefined>
  /** How far a shard's log is archived; 0: nothing of it is. @throws VotestreamError RESULTS_UNAVAILABLE */
  sequence(shard: Shard, generation: string, deadline?: Deadline): Promise<number>
}

export const createArchivedVotes = ({ select }: ArchiveQueries): ArchivedVotes => ({
  async first(event, shard, voter, deadline) {
    const [row] = await select<FirstEntry>(FIRST_QUERY, { event, shard, voter }, deadline)
    return row
  },
  async sequence(shard, generation, deadline) {
    const [row] = await select<{ sequence: number }>(SEQUENCE_QUERY, { shard, generation }, deadline)
    return row?.sequence ?? 0
  },
})

const FIRST_QUERY = `
SELECT contestant, toUnixTimestamp64Milli(acked_at) AS ackedAtMs
FROM votes_log
WHERE event = {event:UInt32} AND shard = {shard:UInt8} AND voter = {voter:UInt64} AND kind = 'vote'
ORDER BY generation, sequence, position
LIMIT 1`

const SEQUENCE_QUERY = `
SELECT archived_sequence AS sequence
FROM archive_positions
WHERE shard = {shard:UInt8} AND generation = {generation:String}`
