import { randomUUID } from 'node:crypto'
import { openDeadLetters } from '@votestream/infra/dead-letters'
import { createLogger } from '@votestream/infra/logging'
import { connectNats } from '@votestream/infra/nats'
import { connectRedis, redisReady } from '@votestream/infra/redis'
import { openLeasesBucket } from '@votestream/infra/streams'
import type { EventNumber } from '@votestream/schema/numbers'
import { voteStream } from '@votestream/schema/subjects'
import { recordedShards } from '../books/reconciliation.js'
import type { Environment } from '../environment.js'
import { publicIds } from '../public-ids.js'
import { connectToClickhouse, operatorAddresses } from '../store-logins.js'
import { within } from '../within.js'
import { type RebuildContext, refusingHalts } from './context.js'

/** A swap of a large event is one long script. */
const REDIS_TIMEOUT_MS = 30_000
/** What became of every vote of a large event is one query, and so is a copy of a partition. */
const CLICKHOUSE_TIMEOUT_MS = 600_000

interface ConnectOptions {
  readonly environment: Environment
  readonly waitMs: number
  readonly say: (line: string) => void
}

/** @throws Error when a server does not answer. */
export const connectForRebuild = async ({
  environment,
  waitMs,
  say,
}: ConnectOptions): Promise<RebuildContext> => {
  const name = 'rebuild'
  const logger = createLogger(name, 'silent')
  const stores = await operatorAddresses(environment)
  const redis = connectRedis({ ...stores.redis, name, logger, commandTimeoutMs: REDIS_TIMEOUT_MS })
  await redisReady(redis, waitMs)
  const clickhouse = await connectToClickhouse(environment, CLICKHOUSE_TIMEOUT_MS)
  const answer = await clickhouse.ping({ select: true })
  if (!answer.success) throw new Error('ClickHouse does not answer', { cause: answer.error })
  const nats = await within(waitMs, 'NATS', connectNats({ ...stores.nats, name, logger }))
  const shards = await recordedShards(nats)
  // As many copies as the log has.
  const { config } = await nats.jsm.streams.info(voteStream(0 as never))
  return {
    nats,
    redis,
    clickhouse,
    deadLetters: await openDeadLetters(nats, config.num_replicas),
    halts: refusingHalts,
    bucket: await openLeasesBucket(nats, config.num_replicas),
    instance: `${name}-${randomUUID()}`,
    shards,
    logger,
    say,
  }
}

/** @throws Error for an identifier that is no event's. */
export const eventNumberOf = async (
  event: EventNumber | string,
  environment: Environment,
): Promise<EventNumber> => {
  if (typeof event === 'number') return event
  const ids = await publicIds(environment)
  if (!ids) throw new Error('A public id can only be read with ID_SECRET: set it, or give the number.')
  const number = ids.parseEventId(event)
  if (number === undefined) throw new Error(`--event ${event}: is no event's public id`)
  return number
}
