import { setTimeout } from 'node:timers/promises'
import type { ClickHouseClient } from '@votestream/infra/clickhouse'
import type { Logger } from '@votestream/infra/logging'
import type { EventRecord } from '@votestream/schema/event-record'
import type { ContestantIndex, EventNumber } from '@votestream/schema/numbers'
import type { OpaqueIds } from '@votestream/schema/opaque-ids'

/** The tables of events and contestants in ClickHouse, kept as the catalog says. */
export interface CatalogTables {
  /** To be handed to the catalog's watch. */
  learn(record: EventRecord): void
  /** Writes what is known until the signal ends it; while ClickHouse is away it tries again. */
  run(signal: AbortSignal): Promise<void>
}

interface CatalogTablesOptions {
  readonly clickhouse: ClickHouseClient
  readonly logger: Logger
  /** Without it the tables hold no public identifiers. */
  readonly ids?: OpaqueIds
  /** Rows written later stand: instances must agree on it. */
  readonly now: () => number
  readonly pauseMs?: number
}

/** Events in one insert: with their contestants at most 50,000 rows. */
const EVENTS_MAX = 100
const PAUSE_MS = 500
const RETRY_MS = 2_000

export const createCatalogTables = ({
  clickhouse,
  logger,
  ids,
  now,
  pauseMs = PAUSE_MS,
}: CatalogTablesOptions): CatalogTables => {
  // The latest state of each event that is not written: never more than the catalog itself holds.
  const waiting = new Map<EventNumber, EventRecord>()

  const write = async (records: readonly EventRecord[]): Promise<void> => {
    const writtenAtMs = now()
    await clickhouse.insert({
      table: 'contestant_records',
      values: records.flatMap((record) => contestantRows(record, ids, writtenAtMs)),
      format: 'JSONEachRow',
    })
    await clickhouse.insert({
      table: 'event_records',
      values: records.map((record) => eventRow(record, ids, writtenAtMs)),
      format: 'JSONEachRow',
    })
  }

  return {
    learn: (record) => void waiting.set(record.number, record),
    async run(signal) {
      while (!signal.aborted) {
        const records = [...waiting.values()].slice(0, EVENTS_MAX)
        let waitMs = pauseMs
        try {
          if (records.length > 0) await write(records)
          // One that changed while it was being written waits to be written again.
          for (const record of records) {
            if (waiting.get(record.number) === record) waiting.delete(record.number)
          }
          if (waiting.size > 0) waitMs = 0
        } catch (error) {
          logger.warn({ err: error }, 'ClickHouse did not take the catalog; trying again')
          waitMs = RETRY_MS
        }
        await setTimeout(waitMs, undefined, { signal }).catch(() => {})
      }
    },
  }
}

/** As a DateTime64(3) in UTC is written. */
const time = (atMs: number): string => new Date(atMs).toISOString().replace('T', ' ').replace('Z', '')

const eventRow = (record: EventRecord, ids: OpaqueIds | undefined, writtenAtMs: number) => ({
  event: record.number,
  event_id: ids?.eventId(record.number) ?? '',
  name: record.name,
  created_by: record.createdBy,
  created_at: time(record.createdAtMs),
  opens_at: record.opensAtMs === null ? null : time(record.opensAtMs),
  closes_at: record.closesAtMs === null ? null : time(record.closesAtMs),
  canary: record.canary === true,
  written_at: time(writtenAtMs),
})

const contestantRows = (record: EventRecord, ids: OpaqueIds | undefined, writtenAtMs: number) =>
  record.contestants.map(({ name }, index) => ({
    event: record.number,
    contestant: index,
    contestant_id: ids?.contestantId(record.number, index as ContestantIndex) ?? '',
    name,
    written_at: time(writtenAtMs),
  }))
