import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Msg, Subscription } from '@nats-io/nats-core'
import { isInbox } from '@votestream/infra/access/nats-rights'
import type { Logger } from '@votestream/infra/logging'
import type { Nats } from '@votestream/infra/nats'
import type { Redis } from '@votestream/infra/redis'
import { NO_TRACING, type Tracing } from '@votestream/infra/telemetry/tracing'
import type { EventNumber, Shard } from '@votestream/schema/numbers'
import { closeSubject, decideSubject, ingestSubject } from '@votestream/schema/subjects'
import {
  BATCH_BYTES_MAX,
  BATCH_VOTES_MAX,
  closeReply,
  closeRequest,
  type Decision,
  decideReply,
  encodeOutcomes,
  logMessage,
  type Outcome,
  submissionBatch,
  type Vote,
} from '@votestream/schema/votes'
import { type CommitMetrics, type Committer, createCommitter } from './committer.js'
import { readDecideRequest } from './decide-requests.js'
import { createDecisionDesk, type DecisionDesk } from './decision-desk.js'
import { createGroupCommit, TAKEOVER_RECORDS } from './group-commit.js'
import type { ShardMetrics } from './ingest-metrics.js'
import { bytesOf, type Item, messageOf, settleStored } from './lane-items.js'
import { createShardOwner, type ShardOwner } from './shard-owner.js'
import { decideSubmissions } from './submissions.js'
import { type Takeover, takeOver } from './takeover.js'
import { createVoteLog } from './vote-log.js'
import { createVoteTraces, type VoteTraces } from './vote-traces.js'

export interface ShardLaneOptions {
  readonly nats: Nats
  readonly redis: Redis
  readonly shard: Shard
  readonly shards: number
  readonly logger: Logger
  /** Names this process in the log. */
  readonly instance: string
  /** What was learned of the shard before its lease came here. */
  readonly ahead?: Takeover | undefined
  readonly appendTimeoutMs: number
  readonly waitingVotesMax: number
  /** The same clock for all owners of a shard, one after the other. Milliseconds since 1970. */
  readonly now: () => number
  /** Events that end at a known time. */
  readonly closings: ReadonlyMap<EventNumber, number>
  readonly signal: AbortSignal
  /** Told when all of the log is read that must be known. */
  readonly onLearned?: () => void
  readonly tracing?: Tracing
  readonly metrics?: ShardMetrics
}

/** How often the clock is held against the events' ends. */
const CLOSINGS_EVERY_MS = 200
/** A lane that ends in order waits this long for what is under way. */
const DRAIN_MS = 2_000

/**
 * The owner of one shard at work, until the signal:
 *
 * 1. It learns who has voted (takeover). Dying here: nothing was promised.
 * 2. It appends its takeover records. From then on whatever an earlier owner still has under way is refused by
 *    the fence. What slips in between them refuses the next record, and the takeover is begun again. Dying here:
 *    the next owner does the same.
 * 3. It reads the attempts of the last half minute, while it works: whoever has voted already waits for them.
 * 4. It takes submissions, decides, and commits in groups. Dying between the append and the answer: the vote is
 *    in the log, and the next owner answers a repeat of the attempt from there.
 * 5. It takes operators' decisions into the same batches. Dying before the append: nothing was decided and nobody
 *    was told so. Dying between the append and the answer: the decision stands, and the gateway, which asks on,
 *    hears so from the next owner. What an owner that lost its shard had under way is refused by the fence, and
 *    is answered as not done.
 */
export const runShardLane = async (options: ShardLaneOptions): Promise<void> => {
  const { nats, shard, instance, signal, appendTimeoutMs, metrics } = options
  const { state, lastSequence, learnAttempts } = await takeOver(options)
  const owner = createShardOwner(state)
  const desk = createDecisionDesk(state)
  const traces = createVoteTraces(options.tracing ?? NO_TRACING, shard)
  const committer = createCommitter<Item>({
    machine: createGroupCommit({
      lastSequence,
      newId: randomUUID,
      batchItemsMax: BATCH_VOTES_MAX,
      batchBytesMax: BATCH_BYTES_MAX,
      bytesOf,
    }),
    log: createVoteLog({ nats, shard, appendTimeoutMs }),
    encode: (batch) => logMessage.encode(messageOf(batch.items)),
    onStored: (batch) => settleStored(owner, batch.items),
    trace: (batch) => traces.append(batch.items),
    onFull: () => {
      owner.turnAway()
      desk.turnAway()
    },
    ...(metrics ? { metrics: commitMetrics(metrics) } : {}),
  })
  const forgetQueue = metrics?.follow(() => committer.size)
  const close = createCloser(owner, committer, options.now)
  const subscriptions: Subscription[] = []
  let closingTimer: NodeJS.Timeout | undefined
  try {
    for (let record = 0; record < TAKEOVER_RECORDS; record += 1) {
      await committer.commit((settle) => ({ is: 'takeover', owner: instance, settle }))
    }
    subscriptions.push(
      nats.connection.subscribe(ingestSubject(shard), {
        callback: (error, message) => {
          if (!error && mayBeAnswered(message, options)) {
            takeSubmissions(message, { owner, committer, traces }, options)
          }
        },
      }),
      nats.connection.subscribe(closeSubject(shard), {
        callback: (error, message) => {
          if (!error && mayBeAnswered(message, options)) void takeClose(message, close, options)
        },
      }),
      nats.connection.subscribe(decideSubject(shard), {
        callback: (error, message) => {
          if (!error && mayBeAnswered(message, options)) takeDecision(message, desk, committer, options)
        },
      }),
    )
    closingTimer = setInterval(() => {
      for (const [event, closesAtMs] of options.closings) {
        // One that fails is tried again by the next owner; an event closed already costs one look-up.
        if (closesAtMs <= options.now() && !state.closed.has(event)) close(event).catch(() => undefined)
      }
    }, CLOSINGS_EVERY_MS)
    // Should the learning fail, the lane is begun again.
    const learned = learnAttempts().then(() => {
      owner.attemptsLearned()
      options.onLearned?.()
    })
    await Promise.race([committer.lostOr(signal), learned.then(() => committer.lostOr(signal))])
  } finally {
    clearInterval(closingTimer)
    forgetQueue?.()
    if (signal.aborted) {
      // In order: what was sent to this owner is still taken, committed and answered before the lease goes back.
      const drained = Promise.all(subscriptions.map((subscription) => subscription.drain()))
      await Promise.race([drained.then(() => committer.idle()), pause(DRAIN_MS)]).catch(() => undefined)
    }
    for (const subscription of subscriptions) subscription.unsubscribe()
    committer.stop()
    // What is still open is not decided here: gateways ask the next owner, who knows the log.
    owner.abandon()
    desk.abandon()
  }
}

const commitMetrics = (metrics: ShardMetrics): CommitMetrics<Item> => ({
  appended: metrics.appended,
  stored({ items }, seconds) {
    let votes = 0
    let traceId = ''
    for (const item of items) {
      if (item.is !== 'vote') continue
      votes += 1
      traceId ||= item.pending.vote.traceId
    }
    metrics.committed(votes, seconds, traceId)
  },
})

/** Closes an event in this shard's log, once, however often it is asked. */
const createCloser = (owner: ShardOwner, committer: Committer<Item>, now: () => number) => {
  const underWay = new Map<EventNumber, Promise<void>>()
  return async (event: EventNumber): Promise<void> => {
    const closing = owner.close(event, now())
    if (!closing) return underWay.get(event)
    const done = committer.commit((settle) => ({ is: 'closing', closing, settle }))
    underWay.set(event, done)
    await done
    underWay.delete(event)
  }
}

/** Our answers must not become entries of a log, or anything but answers. */
const mayBeAnswered = ({ reply }: Msg, { logger }: ShardLaneOptions): boolean => {
  const isSo = isInbox(reply)
  if (!isSo) logger.error({ reply }, 'a question is not taken, since its answer would go to no inbox')
  return isSo
}

interface Lane {
  readonly owner: ShardOwner
  readonly committer: Committer<Item>
  readonly traces: VoteTraces
}

/** Decides a batch of submissions and answers when the last of them is settled. */
const takeSubmissions = (
  message: Msg,
  { owner, committer, traces }: Lane,
  { now, closings, waitingVotesMax, logger, metrics }: ShardLaneOptions,
): void => {
  let votes: Vote[]
  try {
    votes = submissionBatch.decode(message.data).votes
  } catch (error) {
    // A gateway of another version: it asks on, and another owner may understand it.
    logger.error({ err: error }, 'a batch of submissions cannot be read')
    message.respond(encodeOutcomes(null))
    return
  }
  const { stopped, full, size: committing } = committer
  const stage = traces.process(votes, () => message.headers)
  const respond = (outcomes: readonly Outcome[] | null): void => {
    message.respond(encodeOutcomes(outcomes))
    stage.end(outcomes ? undefined : 'not_the_owner')
    if (outcomes) metrics?.decided(outcomes)
    else metrics?.counted('not_mine', votes.length)
  }
  if (!stopped && committing + votes.length > waitingVotesMax) metrics?.turnedAway()
  decideSubmissions(votes, respond, {
    owner,
    stopped,
    full,
    committing,
    waitingVotesMax,
    nowMs: now(),
    closesAtMs: (event) => closings.get(event) ?? null,
    append: (pending) => committer.add({ is: 'vote', pending }),
    onWaiting: (waiting) => metrics?.counted('pending', waiting),
  })
}

const takeClose = async (
  message: Msg,
  close: (event: EventNumber) => Promise<void>,
  { logger }: ShardLaneOptions,
): Promise<void> => {
  try {
    await close(closeRequest.decode(message.data).event)
    message.respond(closeReply.encode({ closed: true }))
  } catch (error) {
    logger.warn({ err: error }, 'an event could not be closed here')
    message.respond(closeReply.encode({ closed: false }))
  }
}

const takeDecision = (
  message: Msg,
  desk: DecisionDesk,
  committer: Committer<Item>,
  { shard, shards, now, logger }: ShardLaneOptions,
): void => {
  const respond = (decided: boolean): void => void message.respond(decideReply.encode({ decided }))
  let request: Decision
  try {
    request = readDecideRequest(message.data, shard, shards)
  } catch (error) {
    logger.error({ err: error, shard }, 'a decision cannot be taken')
    respond(false)
    return
  }
  if (committer.stopped || committer.full) {
    respond(false)
    return
  }
  const decision = desk.take(request, respond, now())
  if (decision) committer.add({ is: 'decision', decision, settle: () => desk.stored(decision) })
}
