/** Something that takes room. */
interface Weighed {
  readonly rows: number
}

/** What waits, over all who gather. */
export interface Waiting {
  rows: number
  /** How often the source was made to wait. */
  stops: number
}

interface GatheringOptions {
  /** A batch is full with this many rows; its last item may bring it beyond. */
  readonly rowsMax: number
  /** Between the end of one batch's work and the next batch that is not full, milliseconds. */
  readonly pauseMs: number
  /** Ends the waiting. */
  readonly signal: AbortSignal
  /** Kept up to date. */
  readonly waiting?: Waiting | undefined
}

/**
 * Gathers items while the batch before is being worked on. Busy, batches are full and follow at once; with
 * little to do there is a pause between them, so that single rows do not become single inserts; what comes
 * after a longer silence goes at once. Holds two full batches and one chunk of the source at most.
 * What came before the source failed is handed out before the failure is.
 */
export async function* gather<Item extends Weighed>(
  source: AsyncIterable<readonly Item[]>,
  { rowsMax, pauseMs, signal, waiting: told = { rows: 0, stops: 0 } }: GatheringOptions,
): AsyncGenerator<Item[], void> {
  let waiting: Item[] = []
  let rows = 0
  let end: { readonly error?: unknown } | undefined
  let wake = () => {}
  let makeRoom = () => {}

  const pump = async (): Promise<void> => {
    for await (const items of source) {
      // Nobody takes them any more.
      if (end) return
      for (const item of items) {
        waiting.push(item)
        rows += item.rows
        told.rows += item.rows
      }
      wake()
      if (rows >= 2 * rowsMax && !end) {
        told.stops += 1
        await new Promise<void>((resolve) => {
          makeRoom = resolve
        })
      }
      if (end) return
    }
  }
  const pumped = pump().then(
    () => {
      end = end ?? {}
      wake()
    },
    (error: unknown) => {
      end = end ?? { error }
      wake()
    },
  )

  /** Until something happens, or for this long. */
  const happening = async (waitMs: number): Promise<void> => {
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      wake = resolve
      if (waitMs < Number.POSITIVE_INFINITY) timer = setTimeout(resolve, waitMs)
    })
    clearTimeout(timer)
  }
  const aborted = () => wake()
  signal.addEventListener('abort', aborted, { once: true })

  try {
    let pauseEndMs = 0
    while (!signal.aborted) {
      const restMs = waiting.length === 0 ? Number.POSITIVE_INFINITY : pauseEndMs - performance.now()
      if (!end && rows < rowsMax && restMs > 0) {
        await happening(restMs)
        continue
      }
      if (waiting.length === 0) break
      const batch = takeBatch(waiting, rowsMax)
      waiting = waiting.slice(batch.length)
      const before = rows
      rows = waiting.reduce((sum, item) => sum + item.rows, 0)
      told.rows -= before - rows
      makeRoom()
      yield batch
      pauseEndMs = performance.now() + pauseMs
    }
    if (!signal.aborted && end && 'error' in end) throw end.error
  } finally {
    end = end ?? {}
    told.rows -= rows
    rows = 0
    makeRoom()
    signal.removeEventListener('abort', aborted)
  }
  await pumped
}

/** Whole items, at least one, until the batch is full. */
const takeBatch = <Item extends Weighed>(items: readonly Item[], rowsMax: number): Item[] => {
  let rows = 0
  const count = items.findIndex((item) => {
    rows += item.rows
    return rows >= rowsMax
  })
  return items.slice(0, count === -1 ? items.length : count + 1)
}
