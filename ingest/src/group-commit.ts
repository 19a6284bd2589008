/**
 * Group commit with a fence, as a pure machine: it says what to do next with the log and is told what came of
 * it. While one batch is on its way to disk the next one gathers, and follows it at once when it is as large; there are
 * no timers.
 *
 * Each batch names the sequence that it expects before it, so the log takes them in this order or not at all.
 * When the fate of a batch is unknown, nothing new is appended until the log itself has told it:
 *
 * - the same batch under the same id is appended again: stored now, or known as stored before;
 * - refused, the log is looked at: our batch stands there, or the log ends before it (append again), or another
 *   writer has written there: then this writer is no longer the owner, and nothing it holds is decided.
 */
export interface Batch<Item> {
  /** Unique for ever: the broker knows a batch again by it. */
  readonly id: string
  readonly items: readonly Item[]
  /** The log's last sequence before this batch. */
  readonly expected: number
}

export type Step<Item> =
  | { readonly do: 'append'; readonly batch: Batch<Item>; readonly again: boolean }
  | { readonly do: 'look'; readonly batch: Batch<Item> }

/**
 * What came of an append: on disk, not known, refused by the fence, or no room on disk. Without room it is tried
 * again like one that is not known, since an earlier try may have found some.
 */
export type AppendResult = 'stored' | 'unknown' | 'refused' | 'full'
/** What stands right after the sequence that a batch expected: the batch, nothing, somebody else's, or no answer. */
export type LookResult = 'stored' | 'end' | 'foreign' | 'unknown'

export interface GroupCommit<Item> {
  add(item: Item): void
  /** What to do now; undefined: wait for a report, or for something to commit. */
  next(): Step<Item> | undefined
  /** @returns the batches that are on disk by this report, in the order of the log. */
  appended(batch: Batch<Item>, result: AppendResult): Batch<Item>[]
  looked(batch: Batch<Item>, result: LookResult): Batch<Item>[]
  /** True for ever once another writer was seen in the log. */
  readonly lost: boolean
  /** Items that are neither on disk nor refused yet. */
  readonly size: number
}

interface GroupCommitOptions<Item> {
  /** The log's last sequence. */
  readonly lastSequence: number
  readonly newId: () => string
  readonly batchItemsMax: number
  readonly batchBytesMax: number
  readonly bytesOf: (item: Item) => number
}

/** Batches under way at once: one on its way to disk, one on its way to the broker. */
export const INFLIGHT_MAX = 2
/**
 * Records that a new writer appends, one after the other, before anything else. One would not do: it stands in
 * the place of an earlier writer's first batch under way, and the second one, which expects just that place to be
 * filled, would pass the fence. Behind this many there is nothing that a batch from before could expect.
 */
export const TAKEOVER_RECORDS = INFLIGHT_MAX

type Fate = 'sent' | 'stored' | 'doubtful' | 'refused'

export const createGroupCommit = <Item>(options: GroupCommitOptions<Item>): GroupCommit<Item> => {
  const { newId, batchItemsMax, batchBytesMax, bytesOf } = options
  let gathering: Item[] = []
  let taken = 0
  let inflight: { readonly batch: Batch<Item>; fate: Fate }[] = []
  let lastSequence = options.lastSequence
  let lost = false

  const gather = (): Item[] => {
    let bytes = 0
    let end = taken
    while (end < gathering.length && end - taken < batchItemsMax) {
      bytes += bytesOf(gathering[end] as Item)
      if (end > taken && bytes > batchBytesMax) break
      end += 1
    }
    const items = gathering.slice(taken, end)
    taken = end
    // What was taken is let go, though there be always something behind it: each item is moved once or twice.
    if (2 * taken >= gathering.length) {
      gathering = gathering.slice(taken)
      taken = 0
    }
    return items
  }

  const settle = (batch: Batch<Item>, fate: Fate): Batch<Item>[] => {
    for (const entry of inflight) if (entry.batch === batch) entry.fate = fate
    const stored: Batch<Item>[] = []
    // Told in the order of the log: a batch waits for those before it.
    while (inflight[0]?.fate === 'stored') {
      stored.push(inflight[0].batch)
      inflight = inflight.slice(1)
    }
    return stored
  }

  return {
    add: (item) => void gathering.push(item),
    next() {
      if (lost) return undefined
      const unclear = inflight.some(({ fate }) => fate === 'doubtful' || fate === 'refused')
      if (unclear) {
        // Only when nothing is under way does an answer mean what it says.
        if (inflight.some(({ fate }) => fate === 'sent')) return undefined
        const first = inflight.find(({ fate }) => fate !== 'stored')
        if (!first) return undefined
        const looks = first.fate === 'refused'
        first.fate = 'sent'
        return looks ? { do: 'look', batch: first.batch } : { do: 'append', batch: first.batch, again: true }
      }
      const gathered = gathering.length - taken
      if (gathered === 0 || inflight.length >= INFLIGHT_MAX) return undefined
      // A second batch leaves once it is as large as the first one: alone, a vote waits for nobody; in a crowd there are
      // half as many batches, each of which costs the same however large it is.
      if (inflight.some(({ batch }) => gathered < Math.min(batch.items.length, batchItemsMax)))
        return undefined
      const batch: Batch<Item> = { id: newId(), items: gather(), expected: lastSequence }
      lastSequence += 1
      inflight.push({ batch, fate: 'sent' })
      return { do: 'append', batch, again: false }
    },
    appended(batch, result) {
      const fates = { stored: 'stored', unknown: 'doubtful', refused: 'refused', full: 'doubtful' } as const
      return settle(batch, fates[result])
    },
    looked(batch, result) {
      if (result === 'foreign') {
        lost = true
        return []
      }
      const fates = { stored: 'stored', end: 'doubtful', unknown: 'refused' } as const
      return settle(batch, fates[result])
    },
    get lost() {
      return lost
    },
    get size() {
      return gathering.length - taken + inflight.reduce((sum, { batch }) => sum + batch.items.length, 0)
    },
  }
}
