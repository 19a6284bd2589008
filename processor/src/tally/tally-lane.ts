import { setTimeout as pause } from 'node:timers/promises'
import type { ClickHouseClient } from '@votestream/infra/clickhouse'
import type { DeadLetter, DeadLetters } from '@votestream/infra/dead-letters'
import type { Halts } from '@votestream/infra/halts'
import { logPosition, readLog } from '@votestream/infra/log-reader'
import type { Logger } from '@votestream/infra/logging'
import type { Nats } from '@votestream/infra/nats'
import type { Redis } from '@votestream/infra/redis'
import type { TraceContext } from '@votestream/infra/telemetry/trace-context'
import { NO_STAGE, type Stage } from '@votestream/infra/telemetry/tracing'
import { NO_EVENT } from '@votestream/schema/log-entries'
import type { EventNumber, Shard } from '@votestream/schema/numbers'
import type { Tally } from '@votestream/schema/tally'
import { type LogTraces, type SampledVote, shownTraces } from '../log-traces.js'
import type { PartPublisher } from '../publish/part-publisher.js'
import { createLaneHalt, type LaneHalt } from './lane-halt.js'
import { logStretches } from './log-stretches.js'
import { seeding } from './seed.js'
import { entriesIn, type SequencedMessage, stretchCall } from './stretch.js'
import type { TallyMetrics } from './tally-metrics.js'
import { createView, type View } from './view.js'
import { type Checkpoint, decideBeginning, isElsewhere, mayBeShown } from './view-decision.js'

export interface TallyLaneOptions {
  readonly nats: Nats
  readonly redis: Redis
  /** Makes a view that the log no longer reaches back to; without it, such a view stays missing. */
  readonly clickhouse?: ClickHouseClient
  readonly shard: Shard
  readonly shards: number
  readonly logger: Logger
  readonly publisher: PartPublisher
  readonly deadLetters: Pick<DeadLetters, 'put'>
  readonly halts: Pick<Halts, 'set' | 'clear'>
  /** Without them nothing is measured, and parts of boards do not say when they were applied. */
  readonly metrics?: TallyMetrics
  readonly traces?: Pick<LogTraces, 'sampled' | 'apply'>
  /** Told which events something was counted of. */
  readonly onCounted?: (events: Iterable<EventNumber>) => void
  readonly signal: AbortSignal
  readonly lookEveryMs?: number
}

/** Messages taken from the log at once. */
const READ_BATCH_MAX = 64
/** A lane looks this often whether the view is still where it left it, and whether the log is still the same. */
const LOOK_EVERY_MS = 1_000
/** A halted lane tries again this often: the log may have been made anew. */
const HALTED_MS = 1_000

/**
 * One shard's log into its view in Redis, until the signal. Where to begin is what the view says of itself, so a
 * view that was lost, or is older than it was, is simply gone on with. Dying anywhere: a stretch is applied
 * whole, with its checkpoint, or not at all.
 *
 * Before a message of an unknown version the lane halts, with everything before it applied, and says so.
 */
export const runTallyLane = async (options: TallyLaneOptions): Promise<void> => {
  const { redis, shard, halts, logger, signal } = options
  const view = createView(redis, shard)
  const halt = createLaneHalt({ halts, role: 'tally', shard, logger })
  try {
    while (!signal.aborted) {
      const checkpoint = await usableCheckpoint(options, view)
      halt.reached(checkpoint)
      logger.info({ shard, sequence: checkpoint.sequence, wholeAt: checkpoint.wholeAt }, 'tally goes on')
      const ended = await follow(options, { view, halt }, checkpoint)
      if (ended === 'halted') await pause(HALTED_MS, undefined, { signal }).catch(() => undefined)
    }
  } finally {
    halt.end()
  }
}

/** The view's checkpoint; the view is made anew when it is missing or of another log. */
const usableCheckpoint = async (options: TallyLaneOptions, view: View): Promise<Checkpoint> => {
  const { nats, shard, logger } = options
  const found = await view.checkpoint()
  // Asked after the view: a view that is kept by another instance at this moment is not beyond the log.
  const position = await logPosition(nats, shard)
  const decision = decideBeginning(found, position)
  if (decision.do === 'go-on') return decision.checkpoint
  const fill = decision.do === 'seed' ? await seeding(options, position) : undefined
  logger.warn({ shard, found, from: decision.do }, 'the view in Redis is not of this log; making it anew')
  return view.clear(() => logPosition(nats, shard), fill)
}

interface Lane {
  readonly view: View
  readonly halt: LaneHalt
}

/** Applies the log from a checkpoint on, until the signal, a halt, or until the view is found elsewhere. */
const follow = async (
  options: TallyLaneOptions,
  { view, halt }: Lane,
  from: Checkpoint,
): Promise<'moved' | 'halted'> => {
  const { nats, shard, shards, signal } = options
  const { generation } = from
  const moved = new AbortController()
  const stop = AbortSignal.any([signal, moved.signal])
  let sequence = from.sequence
  // Behind the stretch that is being applied, if any.
  let applying = sequence
  const stopLooking = lookNowAndThen(
    options,
    { view, generation, expected: () => [sequence, applying] },
    () => moved.abort(),
  )
  try {
    const place = { fromSequence: sequence + 1, batchMax: READ_BATCH_MAX, signal: stop }
    for await (const entries of readLog({ nats, shard, ...place })) {
      for (const step of logStretches(entries, { shard, shards, generation, traces: options.traces })) {
        if (step.do === 'halt') {
          halt.set({ generation, sequence: step.sequence }, step.why)
          return 'halted'
        }
        applying = step.messages.at(-1)?.sequence ?? sequence
        if (!(await commit(options, view, { ...step, from, previous: sequence }))) return 'moved'
        sequence = applying
        halt.reached({ generation, sequence })
      }
      if (stop.aborted) break
    }
    return 'moved'
  } finally {
    stopLooking()
  }
}

interface Stretch {
  readonly messages: readonly SequencedMessage[]
  readonly storedAtMs: readonly number[]
  readonly letters: readonly DeadLetter[]
  readonly sampled: readonly SampledVote[]
  readonly trace: TraceContext | undefined
  readonly from: Checkpoint
  /** The checkpoint that the stretch follows on. */
  readonly previous: number
}

/** @returns false when the view is not where the stretch begins: nothing was applied. */
const commit = async (options: TallyLaneOptions, view: View, stretch: Stretch): Promise<boolean> => {
  const { shard, shards, deadLetters, publisher, metrics, logger } = options
  const { messages, letters, from, previous, sampled } = stretch
  const { generation } = from
  // 1. Put aside what is dead. Dying here: it is read again from the checkpoint, and put again it is there once.
  await Promise.all(letters.map((letter) => deadLetters.put(letter)))
  for (const { sequence, reasons } of letters) {
    logger.error({ shard, sequence, reasons: reasons.slice(0, 3) }, 'put aside: something in it is dead')
  }
  // 2. Apply the stretch with its checkpoint. Dying before the answer: it is applied, or not at all, and the
  //    checkpoint says which. No message is behind the checkpoint that is dead and has no letter.
  const call = stretchCall(messages, { shard, shards, generation, previous })
  const stage = beginApply(options, stretch)
  const beganMs = performance.now()
  const answer = await view.apply(call).catch((error: unknown) => {
    stage.end('failed')
    throw error
  })
  const tookSeconds = (performance.now() - beganMs) / 1_000
  stage.end(answer.applied ? undefined : 'moved')
  if (!answer.applied) {
    logger.warn({ shard, sequence: previous }, 'the view in Redis is not where this tally left it')
    return false
  }
  // 3. Show it. Dying here: whoever looks reads it from Redis.
  const sequence = messages.at(-1)?.sequence ?? previous
  // A view that is made anew repeats what was processed long ago: nothing is measured of that.
  if (!mayBeShown(sequence, from)) return true
  const appliedAtMs = metrics?.applied(stretch.storedAtMs, messages, tookSeconds)
  options.onCounted?.(answer.tallies.keys())
  publisher.offer(shard, generation, boardsOf(answer.tallies), {
    appliedAtMs,
    earliest: call.earliest,
    ...(sampled.length > 0 ? { traces: shownTraces(sampled, stage.votes) } : {}),
  })
  return true
}

const beginApply = (
  { shard, traces }: TallyLaneOptions,
  { messages, sampled, trace }: Pick<Stretch, 'messages' | 'sampled' | 'trace'>,
): Stage => {
  if (!traces || sampled.length === 0) return NO_STAGE
  const rows = messages.reduce((sum, message) => sum + entriesIn(message), 0)
  return traces.apply(shard, sampled, { rows, trace })
}

/** What names no event has books, but no board. */
const boardsOf = (tallies: ReadonlyMap<EventNumber, Tally>): ReadonlyMap<EventNumber, Tally> => {
  if (!tallies.has(NO_EVENT)) return tallies
  return new Map([...tallies].filter(([event]) => event !== NO_EVENT))
}

/** Looks whether view and log are still those that the lane follows, also while nobody votes. */
const lookNowAndThen = (
  { nats, shard, lookEveryMs = LOOK_EVERY_MS }: TallyLaneOptions,
  { view, generation, expected }: { view: View; generation: string; expected: () => readonly number[] },
  onMoved: () => void,
): (() => void) => {
  const looking = setInterval(() => {
    const before = expected()
    view
      .checkpoint()
      .then((found) => {
        // A stretch may have been applied, and another begun, while the answer was on its way.
        if (isElsewhere(found, generation, [...before, ...expected()])) onMoved()
      })
      .catch(() => undefined)
    // A log that was made anew says nothing to a reader that waits for a sequence it does not have yet.
    logPosition(nats, shard)
      .then((position) => {
        if (position.generation !== generation) onMoved()
      })
      .catch(() => undefined)
  }, lookEveryMs)
  return () => clearInterval(looking)
}
