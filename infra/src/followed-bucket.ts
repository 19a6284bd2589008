import { setTimeout } from 'node:timers/promises'
import type { KV, KvEntry } from '@nats-io/kv'
import type { Logger } from './logging.js'

interface FollowOptions {
  readonly bucket: KV
  /** What is in it, for the log. */
  readonly what: string
  readonly logger: Logger
  /** Called for every entry as it stands when this begins, then for every change; for some more than once. */
  readonly onEntry: (entry: KvEntry) => void
}

/** Pause before a watch that ended is begun again. */
const WATCH_AGAIN_MS = 500

/** Watches a whole bucket. Resolves when everything that stands in it has been seen. */
export const followBucket = async ({
  bucket,
  what,
  logger,
  onEntry,
}: FollowOptions): Promise<{ stop(): void }> => {
  let stopped = false
  let updates = await bucket.watch()
  const follow = async (onAll: () => void): Promise<void> => {
    for (;;) {
      for await (const entry of updates) {
        onEntry(entry)
        if (entry.delta === 0) onAll()
      }
      if (stopped) return
      // The watch ended by itself. A new one begins with every entry as it is now, so nothing is missed.
      logger.warn({ what }, 'a watch ended; beginning again')
      await setTimeout(WATCH_AGAIN_MS)
      updates = await bucket.watch()
    }
  }
  await new Promise<void>((resolve, reject) => {
    follow(resolve).catch((error: unknown) => {
      // Without a watch this service would go on with what stood there yesterday: better to begin anew.
      if (!stopped)
        setImmediate(() => {
          throw error
        })
      reject(error)
    })
    bucket.status().then(({ values }) => values === 0 && resolve(), reject)
  })
  return {
    stop() {
      stopped = true
      updates.stop()
    },
  }
}

/** Everything that stands in a bucket, or under the keys of a pattern. */
export const readBucket = async (bucket: KV, keys = '>'): Promise<KvEntry[]> => {
  const entries: KvEntry[] = []
  for await (const entry of await bucket.history({ key: keys }))
    if (entry.operation === 'PUT') entries.push(entry)
  return entries
}
