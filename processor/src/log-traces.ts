import type { LogEntry } from '@votestream/infra/log-reader'
import { ATTRIBUTES, type Attributes, messagingAttributes } from '@votestream/infra/telemetry/attributes'
import { contextOf, type TraceContext } from '@votestream/infra/telemetry/trace-context'
import type { Stage, Tracing } from '@votestream/infra/telemetry/tracing'
import type { EventNumber, Shard } from '@votestream/schema/numbers'
import { leaderboardSubject } from '@votestream/schema/subjects'
import { TRACES_SHOWN_MAX, type Vote } from '@votestream/schema/votes'

/** A vote of the log whose story is told on. */
export interface SampledVote {
  readonly event: EventNumber
  readonly context: TraceContext
}

/** What stands in the log, as it was read. */
interface TracedMessage extends Pick<LogEntry, 'storedAtMs'> {
  readonly votes: readonly Vote[]
}

/** The processor's part in the story of each sampled vote. */
export interface LogTraces {
  /** The sampled votes of a message; none of one that is old. */
  sampled(message: TracedMessage): readonly SampledVote[]
  /** Into Redis, until it is there. */
  apply(shard: Shard, votes: readonly SampledVote[], batch: BatchOfLog): Stage
  /** A part of a board, on its way to those who show it. */
  publish(event: EventNumber, shard: Shard, votes: readonly TraceContext[]): Stage
  /** Into ClickHouse, until it is on disk there. */
  archive(shard: Shard, votes: readonly SampledVote[], batch: BatchOfLog): Stage
}

interface BatchOfLog {
  readonly rows: number
  /** What the first message of it was written by. */
  readonly trace?: TraceContext | undefined
}

/**
 * The log is read again whenever a sink is behind it: after a restart, when a view is made anew, when a table is. What was
 * told of a vote once is not told again hours later.
 */
const OLD_MS = 60_000
/** Of one message: what is beyond is not told on from here. */
const SAMPLED_MAX = 128

/** @param now the broker's clock, which says when a message was stored */
export const createLogTraces = (tracing: Tracing, now: () => number): LogTraces => {
  const stage = (
    name: string,
    attributes: Attributes,
    shard: Shard,
    votes: readonly SampledVote[],
    { rows, trace }: BatchOfLog,
  ): Stage =>
    tracing.stage(
      {
        name,
        kind: 'client',
        parent: trace,
        attributes: { ...attributes, [ATTRIBUTES.dbBatchSize]: rows, [ATTRIBUTES.shard]: shard },
      },
      votes.map(({ context }) => context),
    )

  return {
    sampled({ votes, storedAtMs }) {
      if (!tracing.on) return NONE
      let found: SampledVote[] | undefined
      for (const vote of votes) {
        // Of nearly all votes there is no more to be done than this.
        if (!vote.spanId) continue
        const context = contextOf(vote)
        if (!context || now() - storedAtMs > OLD_MS) continue
        found ??= []
        if (found.length < SAMPLED_MAX) found.push({ event: vote.event, context })
      }
      return found ?? NONE
    },
    apply: (shard, votes, batch) => stage('redis apply-votes', REDIS, shard, votes, batch),
    archive: (shard, votes, batch) => stage('clickhouse insert', CLICKHOUSE, shard, votes, batch),
    publish: (event, shard, votes) =>
      tracing.stage(
        {
          name: 'leaderboard publish',
          kind: 'producer',
          attributes: {
            ...messagingAttributes({
              operation: 'publish',
              type: 'send',
              destination: leaderboardSubject(event),
              template: 'leaderboard.{event}',
            }),
            [ATTRIBUTES.shard]: shard,
          },
        },
        votes,
      ),
  }
}

/** Without tracing. */
export const NO_LOG_TRACES: Pick<LogTraces, 'sampled'> = { sampled: () => NONE }

const NONE: readonly SampledVote[] = []

const REDIS: Attributes = {
  [ATTRIBUTES.dbSystem]: 'redis',
  [ATTRIBUTES.dbOperation]: 'EVALSHA',
  [ATTRIBUTES.dbProcedure]: 'apply-votes',
}

const CLICKHOUSE: Attributes = {
  [ATTRIBUTES.dbSystem]: 'clickhouse',
  [ATTRIBUTES.dbOperation]: 'INSERT',
}

/** By event, the first few of each: what a part of a board names. */
export const shownTraces = (
  votes: readonly SampledVote[],
  contexts: readonly TraceContext[],
): ReadonlyMap<EventNumber, readonly TraceContext[]> => {
  const byEvent = new Map<EventNumber, TraceContext[]>()
  for (const [index, { event, context }] of votes.entries()) {
    const shown = byEvent.get(event) ?? []
    byEvent.set(event, shown)
    if (shown.length < TRACES_SHOWN_MAX) shown.push(contexts[index] ?? context)
  }
  return byEvent
}
