import { type LogEntry, logPosition, readLog } from '@votestream/infra/log-reader'
import type { Logger } from '@votestream/infra/logging'
import type { Nats } from '@votestream/infra/nats'
import type { Redis } from '@votestream/infra/redis'
import type { Shard } from '@votestream/schema/numbers'
import { logMessage } from '@votestream/schema/votes'
import type { PartPublisher } from '../publish/part-publisher.js'
import { type SequencedMessage, stretchCall } from './stretch.js'
import { createView, type View } from './view.js'
import { type Checkpoint, decideBeginning, isElsewhere, mayBeShown } from './view-decision.js'

export interface TallyLaneOptions {
  readonly nats: Nats
  readonly redis: Redis
  readonly shard: Shard
  readonly shards: number
  readonly logger: Logger
  readonly publisher: PartPublisher
  readonly now: () => number
  readonly signal: AbortSignal
}

/** Messages taken from the log at once, and votes applied by one script: together they bound its time. */
const READ_BATCH_MAX = 64
const STRETCH_VOTES_MAX = 4_000
/** A lane looks this often whether the view is still where it left it, and whether the log is still the same. */
const LOOK_EVERY_MS = 1_000

/**
 * One shard's log into its view in Redis, until the signal. Where to begin is what the view says of itself, so a
 * view that was lost, or is older than it was, is simply gone on with. Dying anywhere: a stretch is applied
 * whole, with its checkpoint, or not at all.
 */
export const runTallyLane = async (options: TallyLaneOptions): Promise<void> => {
  const { nats, redis, shard, logger, signal } = options
  const view = createView(redis, shard)
  while (!signal.aborted) {
    const checkpoint = await usableCheckpoint(view, nats, shard, logger)
    logger.info({ shard, sequence: checkpoint.sequence, wholeAt: checkpoint.wholeAt }, 'tally goes on')
    await follow(options, view, checkpoint)
  }
}

/** The view's checkpoint; the view is made anew when it is missing or of another log. */
const usableCheckpoint = async (
  view: View,
  nats: Nats,
  shard: Shard,
  logger: Logger,
): Promise<Checkpoint> => {
  const found = await view.checkpoint()
  // Asked after the view: a view that is kept by another instance at this moment is not beyond the log.
  const position = await logPosition(nats, shard)
  const decision = decideBeginning(found, position)
  if (decision.do === 'go-on') return decision.checkpoint
  if (decision.do === 'refuse') throw new Error(`shard ${shard}: ${decision.why}`)
  logger.warn({ shard, found }, 'the view in Redis is missing or of another log; making it anew')
  return view.clear(() => logPosition(nats, shard))
}

/** Applies the log from a checkpoint on, until the signal, or until the view is found elsewhere. */
const follow = async (options: TallyLaneOptions, view: View, from: Checkpoint): Promise<void> => {
  const { nats, shard, shards, now, publisher, logger, signal } = options
  const moved = new AbortController()
  const stop = AbortSignal.any([signal, moved.signal])
  let sequence = from.sequence
  const looking = setInterval(() => {
    const before = sequence
    view
      .checkpoint()
      .then((found) => {
        if (isElsewhere(found, from.generation, before) && sequence === before) moved.abort()
      })
      .catch(() => undefined)
    // A log that was made anew says nothing to a reader that waits for a sequence it does not have yet.
    logPosition(nats, shard)
      .then(({ generation }) => {
        if (generation !== from.generation) moved.abort()
      })
      .catch(() => undefined)
  }, LOOK_EVERY_MS)
  try {
    for await (const entries of readLog({
      nats,
      shard,
      fromSequence: sequence + 1,
      batchMax: READ_BATCH_MAX,
      signal: stop,
    })) {
      for (const messages of stretches(entries)) {
        const call = stretchCall(messages, {
          shard,
          shards,
          generation: from.generation,
          previous: sequence,
          nowMs: now(),
        })
        const answer = await view.apply(call)
        if (!answer.applied) {
          logger.warn({ shard, sequence }, 'the view in Redis is not where this tally left it')
          return
        }
        sequence = messages.at(-1)?.sequence ?? sequence
        if (mayBeShown(sequence, from)) publisher.offer(shard, from.generation, answer.tallies)
      }
      if (stop.aborted) return
    }
  } finally {
    clearInterval(looking)
  }
}

function* stretches(entries: readonly LogEntry[]): Generator<SequencedMessage[]> {
  let stretch: SequencedMessage[] = []
  let votes = 0
  for (const { sequence, data } of entries) {
    const { votes: decoded, closings, takeover, decisions } = logMessage.decode(data)
    stretch.push({ sequence, votes: decoded, closings, takeover, decisions })
    votes += decoded.length
    if (votes >= STRETCH_VOTES_MAX) {
      yield stretch
      stretch = []
      votes = 0
    }
  }
  if (stretch.length > 0) yield stretch
}
