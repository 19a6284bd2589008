import { setTimeout as pause } from 'node:timers/promises'
import type { ClickHouseClient } from '@votestream/infra/clickhouse'
import { openDeadLetters } from '@votestream/infra/dead-letters'
import { createHalts } from '@votestream/infra/halts'
import { createMetrics } from '@votestream/infra/health-server'
import type { Logger } from '@votestream/infra/logging'
import type { Nats } from '@votestream/infra/nats'
import type { Redis } from '@votestream/infra/redis'
import { createArchive } from '@votestream/processor/archive'
import { createPartPublisher } from '@votestream/processor/part-publisher'
import { runTallyLane } from '@votestream/processor/tally'
import { allShards, type ContestantIndex, type EventNumber, voterNumber } from '@votestream/schema/numbers'
import type { Decision, LogMessage, Vote } from '@votestream/schema/votes'

/** Messages of a log as tests write them, and the real tally and archive that make the sinks of it. */

interface VoteFields {
  readonly event: EventNumber
  readonly voter: number
  readonly contestant: number
  readonly ackedAtMs: number
  readonly flags?: number
}

export const voteOf = ({ event, voter, contestant, ackedAtMs, flags = 0 }: VoteFields): Vote => ({
  event,
  voter: voterNumber(voter),
  contestant: contestant as ContestantIndex,
  attempt: 1,
  ackedAtMs,
  flags,
  clientTimestampMs: 0,
  deviceId: '',
  appVersion: '',
  channel: 1,
  traceId: '',
})

interface DecisionFields {
  readonly event: EventNumber
  readonly voter: number
  readonly contestant: number
  readonly votedAtMs: number
  readonly verdict: number
}

export const decisionOf = (fields: DecisionFields): Decision => ({
  ...fields,
  voter: voterNumber(fields.voter),
  contestant: fields.contestant as ContestantIndex,
  decidedAtMs: fields.votedAtMs,
  decidedBy: voterNumber(1),
})

export const messageOf = (fields: Partial<LogMessage>): LogMessage => ({
  votes: [],
  closings: [],
  takeover: null,
  decisions: [],
  ...fields,
})

interface Sinks {
  readonly nats: Nats
  readonly redis: Redis
  readonly clickhouse: ClickHouseClient
  readonly shards: number
  readonly logger: Logger
}

const RETRY_MS = 100

/** @returns what ends them; it may be called again. */
export const runSinks = async (sinks: Sinks): Promise<() => Promise<void>> => {
  const { nats, redis, clickhouse, shards, logger } = sinks
  const ended = new AbortController()
  const { signal } = ended
  const deadLetters = await openDeadLetters(nats, 1)
  const halts = createHalts(createMetrics())
  const common = { nats, shards, logger, deadLetters, halts }
  const archive = createArchive({ ...common, clickhouse })
  const publisher = createPartPublisher({ publish: () => {}, tickMs: 50 })
  // Begun again when they fail, as under their leases.
  const untilEnded = async (lane: () => Promise<void>): Promise<void> => {
    while (!signal.aborted) {
      await lane().catch(() => pause(RETRY_MS, undefined, { signal }).catch(() => undefined))
    }
  }
  const lanes = allShards(shards).flatMap((shard) => [
    untilEnded(() => archive.runLane({ shard, signal })),
    untilEnded(() => runTallyLane({ ...common, redis, shard, publisher, signal })),
  ])
  return async () => {
    ended.abort()
    await Promise.all(lanes)
  }
}
