import { parseArgs } from 'node:util'
import { Kvm } from '@nats-io/kv'
import { createLogger } from '@votestream/infra/logging'
import { connectNats, type Nats } from '@votestream/infra/nats'
import { connectRedis, redisReady } from '@votestream/infra/redis'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import { decodeEvent, eventKey } from '@votestream/schema/event-record'
import type { EventNumber } from '@votestream/schema/numbers'
import { EVENTS_BUCKET } from '@votestream/schema/subjects'
import { addressesOf } from './addresses.js'
import { reconcile } from './books/reconciliation.js'
import { agrees, report } from './books/report.js'
import { connectToClickhouse } from './clickhouse-login.js'
import { readEnvironment } from './environment.js'

/**
 * `npm run reconcile`: a fresh replay of the log, Redis and ClickHouse, event by event, at one message of each
 * shard's log. Exit status 0: they agree; 1: they differ; 2: they could not be compared.
 *
 * `--wait 30`: seconds for a server to answer, and for Redis and ClickHouse to reach the end of the log.
 */

const WAIT_SECONDS = '10'

const within = async <Value>(waitMs: number, what: string, promise: Promise<Value>): Promise<Value> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} does not answer`)), waitMs)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

const eventNames = async (
  nats: Nats,
  events: readonly EventNumber[],
): Promise<ReadonlyMap<EventNumber, string>> => {
  const bucket = await new Kvm(nats.js).open(EVENTS_BUCKET)
  const names = new Map<EventNumber, string>()
  for (const event of events) {
    const entry = await bucket.get(eventKey(event))
    if (entry?.operation === 'PUT') names.set(event, decodeEvent(entry.value).name)
  }
  return names
}

const run = async (): Promise<number> => {
  const { values } = parseArgs({ options: { wait: { type: 'string', default: WAIT_SECONDS } } })
  const waitMs = Number(values.wait) * 1000
  if (!(waitMs > 0)) throw new Error('--wait takes a number of seconds')
  const environment = readEnvironment(repositoryRoot())
  const { natsUrl, redisUrl } = addressesOf(environment)
  const name = 'reconcile'
  const logger = createLogger(name, 'silent')
  const redis = connectRedis({ url: redisUrl, name, logger })
  await redisReady(redis, waitMs)
  const clickhouse = await connectToClickhouse(environment)
  const answer = await clickhouse.ping({ select: true })
  if (!answer.success) throw new Error('ClickHouse does not answer', { cause: answer.error })
  const nats = await within(waitMs, 'NATS', connectNats({ url: natsUrl, name, logger }))
  const reconciliation = await reconcile({ nats, redis, clickhouse, waitMs })
  const events = reconciliation.events.map(({ event }) => event)
  // A catalog that cannot be read takes nothing from the result.
  const names = await eventNames(nats, events).catch(() => new Map<EventNumber, string>())
  console.log(report(reconciliation, names))
  return agrees(reconciliation) ? 0 : 1
}

run().then(
  // Ends at once: a connection that is still looking for its server would keep the process.
  (status) => process.exit(status),
  (error: unknown) => {
    console.error('The books could not be compared:', error instanceof Error ? error.message : error)
    if (error instanceof Error && error.cause) console.error(error.cause)
    process.exit(2)
  },
)
