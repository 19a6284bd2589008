import { setTimeout as pause } from 'node:timers/promises'
import { NO_STAGE, type Stage } from '@votestream/infra/telemetry/tracing'
import type { AppendResult, Batch, GroupCommit, Step } from './group-commit.js'
import type { VoteLog } from './vote-log.js'

/** Another writer has written to this shard's log: this one owns it no longer. */
export class OwnershipLostError extends Error {
  override readonly name = 'OwnershipLostError'
}

/** Carries out what the group-commit machine says. */
export interface Committer<Item> {
  /** Takes an item into the batch that leaves next. `onStored` tells when it is on disk. */
  add(item: Item): void
  /** The same, and waits. @throws OwnershipLostError when that can no longer be told. */
  commit(make: (settle: () => void) => Item): Promise<void>
  /** Resolves when nothing is under way. */
  idle(): Promise<void>
  /** Resolves at the signal. @throws OwnershipLostError as soon as another writer is seen. */
  lostOr(signal: AbortSignal): Promise<void>
  stop(): void
  readonly size: number
  readonly stopped: boolean
  /** The log has no room: what is added waits until it has, however long that is. */
  readonly full: boolean
}

interface CommitterOptions<Item> {
  readonly machine: GroupCommit<Item>
  readonly log: VoteLog
  readonly encode: (batch: Batch<Item>) => Uint8Array
  readonly onStored: (batch: Batch<Item>) => void
  /** Called before a batch is encoded, which may be more than once: its append is about to begin. */
  readonly trace?: (batch: Batch<Item>) => Stage
  /** The log has no room, so nobody should wait. What was added is still tried until there is some. */
  readonly onFull?: () => void
  readonly metrics?: CommitMetrics<Item>
}

/** What is measured of a commit. */
export interface CommitMetrics<Item> {
  appended(result: AppendResult): void
  /** @param seconds since it was appended for the first time */
  stored(batch: Batch<Item>, seconds: number): void
}

/** Pause before the log is asked again what became of a batch. */
const AGAIN_MS = 100

export const createCommitter = <Item>(options: CommitterOptions<Item>): Committer<Item> => {
  const { machine, log, encode, onStored, onFull, trace = () => NO_STAGE, metrics } = options
  // Of batches under way.
  const appendedMs = new Map<Batch<Item>, number>()
  const ended = new AbortController()
  const waiting = new Set<() => void>()
  let scheduled = false
  let full = false

  const lostError = (): Error =>
    new OwnershipLostError('the shard has another owner, or this one has stopped')

  const execute = async (step: Step<Item>): Promise<void> => {
    const { batch } = step
    let stored: Batch<Item>[]
    if (step.do === 'append') {
      if (!step.again) appendedMs.set(batch, performance.now())
      const stage = trace(batch)
      const result = await log.append(batch.id, encode(batch), batch.expected, stage.context)
      stage.end(result === 'stored' ? undefined : result)
      metrics?.appended(result)
      full = result === 'full' || (full && result !== 'stored')
      if (result === 'full') onFull?.()
      if (result === 'unknown' || result === 'full') await pause(AGAIN_MS)
      stored = machine.appended(batch, result)
    } else {
      const result = await log.look(batch.id, batch.expected)
      if (result === 'unknown') await pause(AGAIN_MS)
      stored = machine.looked(batch, result)
    }
    // An owner that was stopped meanwhile has answered already that it cannot tell.
    if (ended.signal.aborted) return
    for (const done of stored) {
      onStored(done)
      metrics?.stored(done, (performance.now() - (appendedMs.get(done) ?? 0)) / 1_000)
      appendedMs.delete(done)
    }
    if (machine.lost) ended.abort()
    if (machine.size === 0) for (const resolve of waiting) resolve()
    run()
  }

  const run = (): void => {
    for (let step = machine.next(); step && !ended.signal.aborted; step = machine.next()) void execute(step)
  }

  /** After whatever else arrived in the same read of the socket: so that it leaves in the same batch. */
  const schedule = (): void => {
    if (scheduled) return
    scheduled = true
    queueMicrotask(() => {
      scheduled = false
      run()
    })
  }

  const untilEnded = (work: (resolve: () => void) => void): Promise<void> =>
    new Promise((resolve, reject) => {
      if (ended.signal.aborted) return reject(lostError())
      const fail = () => reject(lostError())
      ended.signal.addEventListener('abort', fail, { once: true })
      work(() => {
        ended.signal.removeEventListener('abort', fail)
        resolve()
      })
    })

  return {
    add(item) {
      machine.add(item)
      schedule()
    },
    commit: (make) =>
      untilEnded((resolve) => {
        machine.add(make(resolve))
        schedule()
      }),
    idle: () =>
      untilEnded((resolve) => {
        if (machine.size === 0) return resolve()
        waiting.add(resolve)
      }),
    lostOr: (signal) =>
      untilEnded((resolve) => {
        if (signal.aborted) return resolve()
        signal.addEventListener('abort', resolve, { once: true })
        // The signal outlives this owner, and what listens to it holds whatever this owner knew.
        ended.signal.addEventListener('abort', () => signal.removeEventListener('abort', resolve), {
          once: true,
        })
      }),
    stop: () => ended.abort(),
    get size() {
      return machine.size
    },
    get stopped() {
      return ended.signal.aborted
    },
    get full() {
      return full
    },
  }
}
