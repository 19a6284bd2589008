import type { EventNumber } from '@votestream/schema/numbers'
import type { Books } from '@votestream/schema/replay'
import { BOOKS, type Difference } from './comparison.js'
import { agrees, type Reconciliation } from './reconciliation.js'

/** What a person, or a program, calls an event. */
export interface EventName {
  readonly id: string | undefined
  readonly name: string
}

/** The document of `--json`: for programs, so a field is added and never renamed (see RECONCILE_USAGE). */
export const reconciliationDocument = (
  reconciliation: Reconciliation,
  names: ReadonlyMap<EventNumber, EventName>,
) => {
  const named = (event: EventNumber) => ({
    event,
    event_id: names.get(event)?.id ?? null,
    name: names.get(event)?.name ?? null,
  })
  return {
    version: 1,
    agree: agrees(reconciliation),
    shards: reconciliation.shards.map((shard) => ({
      shard: shard.shard,
      stream: shard.generation,
      first_sequence: shard.firstSequence,
      redis: { from_sequence: shard.redis.fromSequence, to_sequence: shard.redis.toSequence },
      minutes_sequence: shard.minutesSequence,
      dead_letters: shard.letters ?? null,
      earlier_streams: shard.earlierStreams.map(({ generation, entries, events }) => ({
        stream: generation,
        entries,
        events,
      })),
    })),
    events: reconciliation.events.map(({ event, log, redis, clickhouse, differences }) => ({
      ...named(event),
      agree: differences.length === 0,
      log: log ? booksDocument(log) : null,
      redis: booksDocument(redis),
      clickhouse: booksDocument(clickhouse),
    })),
    differences: reconciliation.events.flatMap(({ event, differences }) =>
      differences.map((difference) => ({ ...named(event), ...differenceDocument(difference) })),
    ),
  }
}

const booksDocument = (books: Books) => ({
  ...Object.fromEntries(BOOKS.map((field) => [field, books[field]])),
  totals: Object.fromEntries(books.totals),
})

const differenceDocument = (difference: Difference) => {
  const { shard, sequence, what, contestant, window, log, redis, clickhouse, windows } = difference
  return {
    shard,
    sequence,
    what,
    contestant: contestant ?? null,
    window: window
      ? { start: new Date(window.startMs).toISOString(), seconds: window.lengthMs / 1000 }
      : null,
    log: log ?? null,
    redis: redis ?? null,
    clickhouse: clickhouse ?? null,
    clickhouse_windows: windows ?? null,
  }
}
