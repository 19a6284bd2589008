import type { KV } from '@nats-io/kv'
import type { Nats } from '@votestream/infra/nats'
import { invalidField, VotestreamError } from '@votestream/schema/errors'
import {
  type ContestantRecord,
  decodeEvent,
  type EventRecord,
  encodeEvent,
  eventKey,
} from '@votestream/schema/event-record'
import { type EventNumber, eventNumber } from '@votestream/schema/numbers'
import { EVENT_NUMBERS_KEY } from '@votestream/schema/subjects'
import type { Board } from './board.js'
import { type Caller, callingUser } from './caller.js'
import { type Deadline, requireTime } from './deadlines.js'
import { type CatalogEvent, type EventCatalog, findEvent } from './event-catalog.js'
import { authorize, authorizeObject } from './policy.js'
import type { Results } from './results.js'
import { isConflict, type Store, unavailable } from './store.js'
import type { VoteIntake } from './votes.js'

/** An event to be made. Its texts have been checked (see text-fields), its contestants' names are distinct. */
export interface EventDraft {
  readonly name: string
  readonly contestants: readonly ContestantRecord[]
  /** Null: at once. */
  readonly opensAtMs: number | null
  /** Null: when somebody closes it. */
  readonly closesAtMs: number | null
  /** A check of the system itself: lists and analysts leave it out. */
  readonly canary?: boolean
}

export interface EventBoard {
  readonly event: CatalogEvent
  readonly board: Board
}

export interface Events {
  /** @throws VotestreamError WRONG_SCOPE, PAYLOAD_TOO_LARGE, STORE_UNAVAILABLE */
  create(caller: Caller, draft: EventDraft, deadline?: Deadline): Promise<CatalogEvent>
  /** Resolves when no later vote can count. @throws VotestreamError WRONG_SCOPE, WRONG_USER, EVENT_NOT_FOUND, … */
  close(caller: Caller, event: EventNumber, deadline?: Deadline): Promise<CatalogEvent>
  /** @throws VotestreamError WRONG_SCOPE, EVENT_NOT_FOUND, STORE_UNAVAILABLE */
  read(caller: Caller, event: EventNumber): Promise<CatalogEvent>
  /**
   * Events by number, the highest first, so the newest, without canaries. @param page.before leaves out this number and higher ones.
   * @throws VotestreamError WRONG_SCOPE, STORE_UNAVAILABLE
   */
  list(
    caller: Caller,
    page: { readonly before: EventNumber | undefined; readonly count: number },
  ): Promise<{ readonly events: readonly CatalogEvent[]; readonly more: boolean }>
  /** @throws VotestreamError WRONG_SCOPE, EVENT_NOT_FOUND, RESULTS_UNAVAILABLE, STORE_UNAVAILABLE */
  leaderboard(caller: Caller, event: EventNumber): Promise<EventBoard>
}

interface EventsOptions {
  readonly bucket: KV
  readonly nats: Pick<Nats, 'connection'>
  readonly store: Store
  readonly catalog: Pick<EventCatalog, 'get' | 'learn' | 'newest'>
  readonly project: (record: EventRecord) => CatalogEvent
  readonly results: Results
  readonly intake: VoteIntake
  readonly now?: () => number
}

/** What a record and its message need beside the draft. */
const MESSAGE_OVERHEAD_BYTES = 1_024
const CONFLICTS_MAX = 10

export const createEvents = (options: EventsOptions): Events => {
  const { bucket, nats, store, catalog, project, results, intake, now = Date.now } = options

  const learn = (record: EventRecord, revision: number): CatalogEvent => {
    catalog.learn(record, revision)
    return project(record)
  }

  const read = async (caller: Caller, event: EventNumber): Promise<CatalogEvent> => {
    authorize('event', caller)
    return findEvent(catalog, store, event)
  }

  return {
    async create(caller, draft, deadline) {
      authorize('createEvent', caller)
      if (draft.canary) authorize('createCanaryEvent', caller)
      const createdBy = callingUser(caller)
      const bytesMax = (nats.connection.info?.max_payload ?? 1024 * 1024) - MESSAGE_OVERHEAD_BYTES
      checkTimes(draft, now())
      if (Buffer.byteLength(JSON.stringify(draft)) > bytesMax) throw new VotestreamError('PAYLOAD_TOO_LARGE')
      // 1. The number. A process that dies after this leaves a number that no event has.
      const number = eventNumber(await store(() => bucket.put(EVENT_NUMBERS_KEY, '')))
      const { name, contestants, opensAtMs, closesAtMs } = draft
      const record: EventRecord = {
        version: 1,
        number,
        name,
        createdBy,
        createdAtMs: now(),
        opensAtMs,
        closesAtMs,
        contestants,
        ...(draft.canary ? { canary: true } : {}),
      }
      requireTime(deadline)
      // 2. The event, in one write. From here it exists, whether or not this process lives to say so; a client
      //    without an answer that tries again makes another event.
      const revision = await store(() => createOrFind(bucket, number, encodeEvent(record)))
      return learn(record, revision)
    },
    async close(caller, event, deadline) {
      authorize('closeEvent', caller)
      const { record } = await findEvent(catalog, store, event)
      authorizeObject('closeEvent', caller, record.createdBy)
      requireTime(deadline)
      // 1. The catalog. From here the owner of each shard, who watches it, closes the event by itself: a process
      //    that dies after this leaves an event that closes without it, only without saying when that is done.
      const closed = await store(() => bringForward(bucket, event, now()))
      const known = learn(closed.record, closed.revision)
      // 2. The log, in every shard. When this returns, whatever comes later does not count. Asked twice, an owner
      //    answers that it is closed.
      await intake.close(event, deadline)
      return known
    },
    read,
    async list(caller, { before, count }) {
      authorize('events', caller)
      const numbers = catalog.newest(count + 1, before)
      // What memory had to let go is read at once, in one round trip.
      const known = await store(() =>
        Promise.all(numbers.slice(0, count).map((number) => catalog.get(number))),
      )
      return { events: known.filter((event) => event !== undefined), more: numbers.length > count }
    },
    async leaderboard(caller, event) {
      const known = await read(caller, event)
      return { event: known, board: await results.board(event, known.record.contestants.length) }
    },
  }
}

/** @throws VotestreamError INVALID_FIELDS for an event that would be over before it began. */
const checkTimes = ({ opensAtMs, closesAtMs }: EventDraft, nowMs: number): void => {
  if (closesAtMs === null) return
  if (closesAtMs <= nowMs) throw invalidField('closesAt', 'must lie in the future')
  if (opensAtMs !== null && closesAtMs <= opensAtMs) throw invalidField('closesAt', 'must come after opensAt')
}

/** The number is ours alone: whatever stands under it was written by this very call. */
const createOrFind = async (bucket: KV, number: EventNumber, bytes: Uint8Array): Promise<number> => {
  try {
    return await bucket.create(eventKey(number), bytes)
  } catch (error) {
    const standing = await bucket.get(eventKey(number))
    if (standing?.operation === 'PUT') return standing.revision
    throw error
  }
}

/** Moves an event's end to this moment by compare-and-set, unless it lies earlier: an end never moves later. */
const bringForward = async (
  bucket: KV,
  event: EventNumber,
  nowMs: number,
): Promise<{ record: EventRecord; revision: number }> => {
  for (let conflicts = 0; conflicts < CONFLICTS_MAX; conflicts += 1) {
    const entry = await bucket.get(eventKey(event))
    if (entry?.operation !== 'PUT') throw new VotestreamError('EVENT_NOT_FOUND')
    const record = decodeEvent(entry.value)
    if (record.closesAtMs !== null && record.closesAtMs <= nowMs) return { record, revision: entry.revision }
    const closed: EventRecord = { ...record, closesAtMs: nowMs }
    try {
      return {
        record: closed,
        revision: await bucket.update(eventKey(event), encodeEvent(closed), entry.revision),
      }
    } catch (error) {
      if (!isConflict(error)) throw error
    }
  }
  throw unavailable()
}
