import type { EventNumber } from '@votestream/schema/numbers'
import DataLoader from 'dataloader'
import { type Board, sumParts } from '../board.js'
import type { Caller } from '../caller.js'
import type { CatalogEvent } from '../event-catalog.js'
import type { Events } from '../events.js'
import type { Results } from '../results.js'

/**
 * What one operation reads, gathered: however many events it looks at, each kind of read is one round trip.
 * They live as long as the operation, so nothing is remembered beyond it.
 */
export interface Loaders {
  /** @throws VotestreamError as `Events.read` */
  readonly events: DataLoader<EventNumber, CatalogEvent>
  /** @throws VotestreamError RESULTS_UNAVAILABLE */
  readonly boards: DataLoader<CatalogEvent, Board, EventNumber>
  /** Forgets what was read: an operation that goes on reads again. */
  forget(): void
}

export interface LoaderDeps {
  readonly events: Pick<Events, 'read'>
  readonly results: Pick<Results, 'parts' | 'board'>
}

/** Events of one round trip at most: it bounds one answer of Redis. */
const BATCH_MAX = 100

export const createLoaders = ({ events, results }: LoaderDeps, requireCaller: () => Caller): Loaders => {
  const eventLoader = new DataLoader<EventNumber, CatalogEvent>(
    (numbers) => Promise.all(numbers.map((number) => events.read(requireCaller(), number).catch(asError))),
    { maxBatchSize: BATCH_MAX },
  )
  const boardLoader = new DataLoader<CatalogEvent, Board, EventNumber>(
    (known) => readBoards(results, known),
    {
      maxBatchSize: BATCH_MAX,
      cacheKeyFn: ({ record }) => record.number,
    },
  )
  return {
    events: eventLoader,
    boards: boardLoader,
    forget() {
      eventLoader.clearAll()
      boardLoader.clearAll()
    },
  }
}

const readBoards = async (
  results: LoaderDeps['results'],
  known: readonly CatalogEvent[],
): Promise<Board[]> => {
  const [first, ...others] = known
  // One event's board is shared with every other reader of it at this moment.
  if (first && others.length === 0) {
    return [await results.board(first.record.number, first.record.contestants.length)]
  }
  const parts = await results.parts(known.map(({ record }) => record.number))
  return known.map(({ record }) => sumParts(parts.get(record.number) ?? [], record.contestants.length))
}

/** An error among values fails its own key only. */
const asError = (error: unknown): Error =>
  error instanceof Error ? error : new Error('not an error', { cause: error })
