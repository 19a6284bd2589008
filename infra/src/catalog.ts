import { setTimeout } from 'node:timers/promises'
import type { KV, KvEntry } from '@nats-io/kv'
import { decodeEvent, type EventRecord, encodeEvent, eventKey } from '@votestream/schema/event-record'
import type { EventNumber } from '@votestream/schema/numbers'
import { EVENT_NUMBERS_KEY } from '@votestream/schema/subjects'
import { LRUCache } from 'lru-cache'
import { createEventNumbers } from './event-numbers.js'
import type { Logger } from './logging.js'

/** The events, in memory, kept current by watching their bucket. */
export interface Catalog<Entry extends object> {
  /** From memory, or read from the bucket when memory had to let it go. Undefined: there is no such event. */
  get(event: EventNumber): Promise<Entry | undefined>
  /** From memory alone. */
  peek(event: EventNumber): Entry | undefined
  /**
   * Numbers of events, the highest first, below `before` if it is given. All of them are always in memory. Canaries are
   * left out: one of those is found by who knows its number.
   */
  newest(count: number, before?: EventNumber): EventNumber[]
  /** Makes a change known here at once, before the watch brings it. */
  learn(record: EventRecord, revision: number): void
  stop(): void
}

interface CatalogOptions<Entry extends object> {
  readonly bucket: KV
  readonly logger: Logger
  /** What this service keeps of a record. */
  readonly project: (record: EventRecord) => Entry
  /** Called for every event when the watch begins, and at every change. */
  readonly onChange?: (record: EventRecord) => void
  /** Memory for records, as bytes of their stored form; the least recently used are let go beyond it. */
  readonly bytesMax?: number
}

/** Pause before a watch that ended is begun again. */
const WATCH_AGAIN_MS = 500

interface Known<Entry> {
  readonly revision: number
  readonly entry: Entry
}

/** Resolves when every event that exists has been seen. */
export const watchCatalog = async <Entry extends object>({
  bucket,
  logger,
  project,
  onChange,
  bytesMax = 256 * 1024 * 1024,
}: CatalogOptions<Entry>): Promise<Catalog<Entry>> => {
  const memory = new LRUCache<EventNumber, Known<Entry>>({ maxSize: bytesMax })

  const numbers = createEventNumbers()

  const keep = (record: EventRecord, revision: number, bytes: number): void => {
    if (!record.canary) numbers.add(record.number)
    // A read that was under way while the watch brought something newer must not bring the older back.
    if ((memory.peek(record.number)?.revision ?? 0) >= revision) return
    memory.set(record.number, { revision, entry: project(record) }, { size: Math.max(1, bytes) })
    onChange?.(record)
  }

  const learnEntry = (entry: KvEntry): void => {
    if (entry.key === EVENT_NUMBERS_KEY || entry.operation !== 'PUT') return
    try {
      keep(decodeEvent(entry.value), entry.revision, entry.length)
    } catch (error) {
      logger.error({ err: error, key: entry.key }, 'an event record cannot be read')
    }
  }

  let stopped = false
  let updates = await bucket.watch()
  const follow = async (onAll: () => void): Promise<void> => {
    for (;;) {
      for await (const entry of updates) {
        learnEntry(entry)
        if (entry.delta === 0) onAll()
      }
      if (stopped) return
      // The watch ended by itself. A new one begins with every event as it is now, so nothing is missed.
      logger.warn('the watch on events ended; beginning again')
      await setTimeout(WATCH_AGAIN_MS)
      updates = await bucket.watch()
    }
  }
  await new Promise<void>((resolve, reject) => {
    follow(resolve).catch((error: unknown) => {
      // Without a watch this service would go on with yesterday's events: better to begin anew.
      if (!stopped)
        setImmediate(() => {
          throw error
        })
      reject(error)
    })
    bucket.status().then(({ values }) => values === 0 && resolve(), reject)
  })

  return {
    async get(event) {
      const known = memory.get(event)
      if (known) return known.entry
      const stored = await bucket.get(eventKey(event))
      if (stored?.operation !== 'PUT') return undefined
      learnEntry(stored)
      return memory.peek(event)?.entry ?? project(decodeEvent(stored.value))
    },
    newest: numbers.newest,
    peek: (event) => memory.get(event)?.entry,
    learn: (record, revision) => keep(record, revision, encodeEvent(record).length),
    stop() {
      stopped = true
      updates.stop()
    },
  }
}
