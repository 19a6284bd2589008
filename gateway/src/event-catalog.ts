import type { Catalog } from '@votestream/infra/catalog'
import { VotestreamError } from '@votestream/schema/errors'
import type { EventRecord } from '@votestream/schema/event-record'
import type { ContestantIndex, EventNumber } from '@votestream/schema/numbers'
import type { OpaqueIds } from '@votestream/schema/opaque-ids'
import type { Store } from './store.js'

/** An event as the gateway keeps it in memory, with its public identifiers made once. */
export interface CatalogEvent {
  readonly record: EventRecord
  readonly id: string
  /** By contestant index. */
  readonly contestantIds: readonly string[]
}

export type EventCatalog = Catalog<CatalogEvent>

export const projectEvent =
  (ids: OpaqueIds) =>
  (record: EventRecord): CatalogEvent => ({
    record,
    id: ids.eventId(record.number),
    contestantIds: record.contestants.map((_, index) =>
      ids.contestantId(record.number, index as ContestantIndex),
    ),
  })

/** @throws VotestreamError EVENT_NOT_FOUND, STORE_UNAVAILABLE */
export const findEvent = async (
  catalog: Pick<EventCatalog, 'get'>,
  store: Store,
  event: EventNumber,
): Promise<CatalogEvent> => {
  const found = await store(() => catalog.get(event))
  if (!found) throw new VotestreamError('EVENT_NOT_FOUND')
  return found
}
