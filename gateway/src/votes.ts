import { setTimeout as pause } from 'node:timers/promises'
import type { Logger } from '@votestream/infra/logging'
import { NO_OBSERVER, type Observer } from '@votestream/infra/metrics/histograms'
import type { QueueFigures } from '@votestream/infra/metrics/queues'
import type { Nats } from '@votestream/infra/nats'
import { traceHeader } from '@votestream/infra/telemetry/message-headers'
import { NO_TRACING, type Tracing } from '@votestream/infra/telemetry/tracing'
import type { VotestreamError } from '@votestream/schema/errors'
import { allShards, type EventNumber, type Shard, shardOf } from '@votestream/schema/numbers'
import { closeSubject, ingestSubject } from '@votestream/schema/subjects'
import {
  BATCH_BYTES_MAX,
  BATCH_VOTES_MAX,
  closeReply,
  closeRequest,
  decodeOutcomes,
  type Outcome,
  type Submission,
  submissionBatch,
  voteBytesMax,
} from '@votestream/schema/votes'
import { beginSend } from './batch-traces.js'
import type { Deadline } from './deadlines.js'
import { AGAIN_MS, askUntilDone, REPLY_TIMEOUT_MS, votesUnavailable } from './owner-requests.js'

/** Hands votes to the owners of their shards, in batches. */
export interface VoteIntake {
  /**
   * Resolves when the vote's fate is durable: `accepted` means that it is on disk.
   * @throws VotestreamError VOTES_UNAVAILABLE when no owner could tell in time. The vote may still be in the log;
   * a repeat of the same attempt tells.
   */
  submit(submission: Submission): Promise<Exclude<Outcome, 'unavailable'>>
  /** Resolves when every shard has the event's closing in its log. @throws VotestreamError VOTES_UNAVAILABLE, TIMEOUT */
  close(event: EventNumber, deadline?: Deadline): Promise<void>
  /** Resolves when nothing is under way. */
  stop(): Promise<void>
}

interface VoteIntakeOptions {
  readonly nats: Nats
  readonly shards: number
  readonly logger: Logger
  /** How long a vote may look for an owner. */
  readonly ackDeadlineMs?: number
  /** Takes how many votes each batch holds. */
  readonly batchVotes?: Observer
  readonly tracing?: Tracing
}

interface Waiting {
  readonly vote: Submission
  /** By the monotonic clock: a wall clock that is set must neither end a wait nor prolong it. */
  readonly deadlineMs: number
  readonly resolve: (outcome: Exclude<Outcome, 'unavailable'>) => void
  readonly reject: (error: VotestreamError) => void
}

/** Batches of one shard under way at once: one being committed, one on its way. */
const INFLIGHT_MAX = 2
/** Votes that may wait for one shard; beyond, they are turned away at once. */
const WAITING_MAX = 20_000

export const createVoteIntake = ({
  nats,
  shards,
  logger,
  ackDeadlineMs = 5_000,
  batchVotes = NO_OBSERVER,
  tracing = NO_TRACING,
}: VoteIntakeOptions): VoteIntake & { readonly queue: QueueFigures } => {
  const lanes = allShards(shards).map((shard) => createLane({ nats, shard, logger, batchVotes, tracing }))

  return {
    queue: {
      depth: () => Math.max(...lanes.map((lane) => lane.waiting())),
      bound: WAITING_MAX,
      refused: () => lanes.reduce((sum, lane) => sum + lane.refused(), 0),
    },
    submit(submission) {
      const lane = lanes[shardOf(submission.voter, shards)]
      return new Promise((resolve, reject) => {
        lane?.add({ vote: submission, deadlineMs: performance.now() + ackDeadlineMs, resolve, reject })
      })
    },
    async close(event, deadline) {
      const deadlineMs = performance.now() + ackDeadlineMs
      const payload = closeRequest.encode({ event })
      const isDone = (reply: Uint8Array): boolean => closeReply.decode(reply).closed
      await Promise.all(
        allShards(shards).map((shard) =>
          askUntilDone({ nats, subject: closeSubject(shard), payload, isDone, deadlineMs, deadline }),
        ),
      )
    },
    async stop() {
      await Promise.all(lanes.map((lane) => lane.idle()))
    },
  }
}

interface LaneOptions extends Pick<VoteIntakeOptions, 'nats' | 'logger'> {
  readonly shard: Shard
  readonly batchVotes: Observer
  readonly tracing: Tracing
}

const createLane = ({ nats, shard, logger, batchVotes, tracing }: LaneOptions) => {
  let queue: Waiting[] = []
  let refused = 0
  const inflight = new Set<Waiting[]>()
  let scheduled = false
  const idle: (() => void)[] = []

  const schedule = (): void => {
    if (scheduled) return
    scheduled = true
    // After the other requests that arrived in the same turn: so that they leave in the same batch.
    setImmediate(() => {
      scheduled = false
      send()
    })
  }

  const send = (): void => {
    while (mayLeave()) {
      const batch = takeBatch()
      batchVotes.observe(batch.length)
      inflight.add(batch)
      void exchange(batch).then((open) => {
        inflight.delete(batch)
        if (open.length > 0) queue = [...open, ...queue]
        else if (queue.length === 0 && inflight.size === 0) for (const resolve of idle.splice(0)) resolve()
        if (queue.length > 0) schedule()
      })
    }
  }

  /**
   * A second batch leaves once it is as large as the first one: alone, a vote waits for nobody; in a crowd there are half
   * as many batches, each of which costs everybody the same however large it is.
   */
  const mayLeave = (): boolean => {
    if (queue.length === 0 || inflight.size >= INFLIGHT_MAX) return false
    for (const { length } of inflight) if (queue.length < length) return false
    return true
  }

  const takeBatch = (): Waiting[] => {
    let bytes = 0
    let end = 0
    for (; end < Math.min(queue.length, BATCH_VOTES_MAX); end += 1) {
      const waiting = queue[end]
      bytes += waiting ? voteBytesMax(waiting.vote) : 0
      if (end > 0 && bytes > BATCH_BYTES_MAX) break
    }
    const batch = queue.slice(0, end)
    queue = queue.slice(end)
    return batch
  }

  /** @returns the votes whose fate is still open, after a pause. */
  const exchange = async (batch: Waiting[]): Promise<Waiting[]> => {
    const outcomes = await ask(batch)
    const open: Waiting[] = []
    for (const [index, waiting] of batch.entries()) {
      const outcome = outcomes?.[index] ?? 'unavailable'
      if (outcome !== 'unavailable') waiting.resolve(outcome)
      else if (performance.now() >= waiting.deadlineMs) waiting.reject(votesUnavailable())
      else open.push(waiting)
    }
    if (open.length > 0) await pause(AGAIN_MS)
    return open
  }

  /** @returns null when whoever was asked does not own the shard, or nobody answered. */
  const ask = async (batch: Waiting[]): Promise<Outcome[] | null> => {
    const { votes, stage } = beginSend(
      tracing,
      shard,
      batch.map(({ vote }) => vote),
    )
    try {
      const payload = submissionBatch.encode({ votes })
      const timeout = Math.max(1, Math.min(REPLY_TIMEOUT_MS, latestDeadline(batch) - performance.now()))
      const headers = traceHeader(stage.context)
      const reply = await nats.onThisConnection(
        nats.connection.request(ingestSubject(shard), payload, { timeout, ...(headers ? { headers } : {}) }),
      )
      const outcomes = decodeOutcomes(reply.data)
      stage.end(outcomes ? undefined : 'not_the_owner')
      return outcomes
    } catch (error) {
      stage.end('no_owner')
      logger.debug({ err: error, shard }, 'no owner answered')
      return null
    }
  }

  return {
    add(waiting: Waiting): void {
      if (queue.length >= WAITING_MAX) {
        refused += 1
        waiting.reject(votesUnavailable())
        return
      }
      queue.push(waiting)
      schedule()
    },
    waiting: (): number => queue.length,
    refused: (): number => refused,
    idle: (): Promise<void> =>
      new Promise((resolve) => {
        if (queue.length === 0 && inflight.size === 0) resolve()
        else idle.push(resolve)
      }),
  }
}

const latestDeadline = (batch: readonly Waiting[]): number =>
  batch.reduce((latest, { deadlineMs }) => Math.max(latest, deadlineMs), 0)
