import type { ClickHouseClient } from '@votestream/infra/clickhouse'
import { VotestreamError } from '@votestream/schema/errors'
import type { ContestantIndex, EventNumber, Shard, VoterNumber } from '@votestream/schema/numbers'

/** What a decision must say of the vote that it is about. */
export interface FirstEntry {
  readonly contestant: ContestantIndex
  readonly ackedAtMs: number
}

/** The archive, asked for single votes. */
export interface ArchivedVotes {
  /** The entry of a voter that may count, by the table's key. @throws VotestreamError RESULTS_UNAVAILABLE */
  first(event: EventNumber, shard: Shard, voter: VoterNumber): Promise<FirstEntry | undefined>
  /** How far a shard's log is archived; 0: nothing of it is. @throws VotestreamError RESULTS_UNAVAILABLE */
  sequence(shard: Shard, generation: string): Promise<number>
}

export const createArchivedVotes = (clickhouse: Pick<ClickHouseClient, 'query'>): ArchivedVotes => {
  const select = async <Row>(query: string, values: Record<string, unknown>): Promise<Row | undefined> => {
    try {
      const result = await clickhouse.query({
        query,
        query_params: values,
        format: 'JSONEachRow',
        clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
      })
      const [row] = await result.json<Row>()
      return row
    } catch (cause) {
      throw new VotestreamError('RESULTS_UNAVAILABLE', { retryAfterSeconds: 1, cause })
    }
  }

  return {
    first: (event, shard, voter) => select<FirstEntry>(FIRST_QUERY, { event, shard, voter }),
    async sequence(shard, generation) {
      const row = await select<{ sequence: number }>(SEQUENCE_QUERY, { shard, generation })
      return row?.sequence ?? 0
    },
  }
}

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
