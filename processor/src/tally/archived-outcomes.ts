import type { ClickHouseClient } from '@votestream/infra/clickhouse'
import type { ContestantIndex, Shard, VoterNumber } from '@votestream/schema/numbers'
import { type RowCount, rowCountQuery } from '../archive/row-count.js'
import type { EventFacts, VoterOutcome } from './seed-event.js'

/** Up to where the entries of one log are meant. */
export interface ArchiveCut {
  readonly shard: Shard
  readonly generation: string
  /** Entries behind this message are left out: they may not all be there. */
  readonly upTo: number
}

/** What ClickHouse knows of one shard's log as of a message of it, for making a view in Redis. */
export interface ArchivedOutcomes {
  /** How far it holds the log; 0: it has nothing of it. */
  checkpoint(): Promise<number>
  /** How many rows of the log up to there are not there any more. */
  missingRows(checkpoint: number): Promise<number>
  /** Every event that has anything in this log. */
  events(upTo: number): Promise<ArchivedEvent[]>
  /** Every voter of an event, in no order. */
  voters(event: ArchivedEvent, upTo: number, visit: (outcome: VoterOutcome) => void): Promise<void>
}

export interface ArchivedEvent extends EventFacts {
  /** The place in the log of the event's first closing; 0 and 0: it is open. */
  readonly closedBySequence: number
  readonly closedByPosition: number
}

interface ArchivedOutcomesOptions extends Omit<ArchiveCut, 'upTo'> {
  readonly clickhouse: ClickHouseClient
  readonly signal: AbortSignal
}

/**
 * Within one log, so another stream's entries of this shard are left out, as a reader of this log does not see them.
 * Rows that were written twice count once.
 */
export const createArchivedOutcomes = (options: ArchivedOutcomesOptions): ArchivedOutcomes => {
  const { clickhouse, shard, generation, signal } = options
  const select = async <Row>(query: string, upTo: number): Promise<Row[]> => {
    const result = await clickhouse.query({
      query,
      query_params: { shard, generation, upTo, checkpoint: upTo },
      format: 'JSONEachRow',
      abort_signal: signal,
      clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
    })
    return result.json<Row>()
  }
  /** For a query that always has one row: no answer is not the answer that there is nothing. */
  const selectOne = async <Row>(query: string, upTo: number): Promise<Row> => {
    const [row] = await select<Row>(query, upTo)
    if (row === undefined) throw new Error(`shard ${shard}: ClickHouse gave no answer`)
    return row
  }
  return {
    async checkpoint() {
      return (await selectOne<{ sequence: number }>(CHECKPOINT_QUERY, 0)).sequence
    },
    async missingRows(checkpoint) {
      const { said, found } = await selectOne<RowCount>(rowCountQuery(), checkpoint)
      return Math.max(0, said - found)
    },
    async events(upTo) {
      const rows = await select<EventRow>(EVENTS_QUERY, upTo)
      return rows.map(({ event, lastSequence, ackedAtMs, closedBy, closedAtMs, dead }) => {
        const [closedBySequence, closedByPosition] = closedBy
        const isOpen = closedBySequence === 0
        return {
          event,
          sequence: lastSequence,
          ackedAtMs,
          closedAtMs: isOpen ? null : closedAtMs,
          dead,
          closedBySequence,
          closedByPosition,
        }
      })
    },
    async voters({ event, closedBySequence, closedByPosition }, upTo, visit) {
      const { stream } = await clickhouse.exec({
        query: VOTERS_QUERY,
        query_params: { shard, generation, upTo, event, closedBySequence, closedByPosition },
        abort_signal: signal,
        clickhouse_settings: { optimize_aggregation_in_order: 1 },
      })
      await readVoterOutcomes(stream, visit)
    },
  }
}

interface EventRow extends Omit<EventFacts, 'closedAtMs' | 'sequence'> {
  readonly lastSequence: number
  readonly closedBy: readonly [sequence: number, position: number]
  readonly closedAtMs: number
}

const CHECKPOINT_QUERY = `
SELECT max(sequence) AS sequence FROM window_tallies
WHERE event = 0 AND shard = {shard:UInt8} AND generation = {generation:String}`

const IN_LOG = 'shard = {shard:UInt8} AND generation = {generation:String} AND sequence <= {upTo:UInt64}'

const EVENTS_QUERY = `
SELECT
  event,
  max(sequence) AS lastSequence,
  maxIf(toUnixTimestamp64Milli(at), is = 'vote') AS ackedAtMs,
  minIf((sequence, position), is = 'closing') AS closedBy,
  argMinIf(toUnixTimestamp64Milli(at), (sequence, position), is = 'closing') AS closedAtMs,
  uniqExactIf((sequence, position), is = 'dead') AS dead
FROM (
  SELECT event, sequence, position, acked_at AS at, CAST(kind, 'String') AS is
  FROM votes_log WHERE kind IN ('vote', 'closing') AND ${IN_LOG}
  UNION ALL
  SELECT event, sequence, position, decided_at AS at, 'decision' AS is FROM decisions_log WHERE ${IN_LOG}
  UNION ALL
  SELECT event, sequence, position, stored_at AS at, 'dead' AS is FROM dead_entries WHERE ${IN_LOG}
) AS entries
GROUP BY event`

/** The last decision that stands behind the vote, if any; else its flags, and whether it stands behind the closing. */
const VOTERS_QUERY = `
SELECT
  voter,
  first.3 AS contestant,
  toUnixTimestamp64Milli(first.4) AS acked_at_ms,
  CAST(if(
    decision.stands_at > (first.1, first.2),
    decision.verdict = 'reject',
    first.5 != 0
      OR ({closedBySequence:UInt64} > 0
        AND (first.1, first.2) > ({closedBySequence:UInt64}, {closedByPosition:UInt16}))
  ), 'UInt8') AS rejected,
  CAST(entries, 'UInt32') AS entries
FROM (
  SELECT
    voter,
    min((sequence, position, contestant, acked_at, flags)) AS first,
    uniqExact((sequence, position)) AS entries
  FROM votes_log
  WHERE event = {event:UInt32} AND voter > 0 AND kind = 'vote' AND ${IN_LOG}
  GROUP BY event, shard, voter
) AS entry
LEFT JOIN (
  SELECT voter, max((sequence, position)) AS stands_at, argMax(verdict, (sequence, position)) AS verdict
  FROM decisions_log
  WHERE event = {event:UInt32} AND ${IN_LOG}
  GROUP BY voter
) AS decision ON entry.voter = decision.voter
FORMAT RowBinary`

/** UInt64, UInt16, Int64, UInt8, UInt32. */
const RECORD_BYTES = 23

/** RowBinary as it comes, in pieces of any length: only a torn record is held. */
export const readVoterOutcomes = async (
  pieces: AsyncIterable<Buffer>,
  visit: (outcome: VoterOutcome) => void,
): Promise<void> => {
  let rest: Buffer = Buffer.alloc(0)
  for await (const piece of pieces) {
    const bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece])
    let at = 0
    for (; at + RECORD_BYTES <= bytes.length; at += RECORD_BYTES) {
      visit({
        voter: wide(bytes, at) as VoterNumber,
        contestant: bytes.readUInt16LE(at + 8) as ContestantIndex,
        ackedAtMs: wide(bytes, at + 10),
        rejected: bytes.readUInt8(at + 18) !== 0,
        entries: bytes.readUInt32LE(at + 19),
      })
    }
    rest = bytes.subarray(at)
  }
  if (rest.length > 0) throw new Error('the list of voters from ClickHouse ended within a record')
}

/** A number of 64 bits that is below 2^53. */
const wide = (bytes: Buffer, at: number): number =>
  bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32
