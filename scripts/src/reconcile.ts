import { Kvm } from '@nats-io/kv'
import { createLogger } from '@votestream/infra/logging'
import { connectNats, type Nats } from '@votestream/infra/nats'
import { connectRedis, redisReady } from '@votestream/infra/redis'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import { decodeEvent, eventKey } from '@votestream/schema/event-record'
import type { EventNumber } from '@votestream/schema/numbers'
import type { OpaqueIds } from '@votestream/schema/opaque-ids'
import { EVENTS_BUCKET } from '@votestream/schema/subjects'
import type { EventComparison } from './books/comparison.js'
import { type EventName, reconciliationDocument } from './books/document.js'
import { parseReconcileRequest, RECONCILE_USAGE, type ReconcileRequest } from './books/options.js'
import { createProgressLines } from './books/progress.js'
import { agrees, reconcile } from './books/reconciliation.js'
import { report } from './books/report.js'
import { readEnvironment } from './environment.js'
import { publicIds } from './public-ids.js'
import { connectToClickhouse, operatorAddresses } from './store-logins.js'

/** `npm run reconcile`: a fresh replay of the log, Redis and ClickHouse, event by event. See RECONCILE_USAGE. */

/** A group of events is read by one long MULTI. */
const REDIS_TIMEOUT_MS = 30_000
/** What became of every vote of a large event is one query. */
const CLICKHOUSE_TIMEOUT_MS = 600_000

const within = async <Value>(waitMs: number, what: string, promise: Promise<Value>): Promise<Value> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} does not answer`)), waitMs)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

/** @throws Error with a sentence for a person. */
const eventNumbers = (
  events: ReconcileRequest['events'],
  ids: OpaqueIds | undefined,
): ReadonlySet<EventNumber> | undefined => {
  if (events.length === 0) return undefined
  return new Set(
    events.map((event) => {
      if (typeof event === 'number') return event
      if (!ids) throw new Error('A public id can only be read with ID_SECRET: set it, or give the number.')
      const number = ids.parseEventId(event)
      if (number === undefined) throw new Error(`--event ${event}: is no event's public id`)
      return number
    }),
  )
}

const eventNames = async (
  nats: Nats,
  events: Iterable<EventNumber>,
  ids: OpaqueIds | undefined,
): Promise<ReadonlyMap<EventNumber, EventName>> => {
  const names = new Map<EventNumber, EventName>()
  // A catalog that cannot be read takes nothing from the result.
  const bucket = await new Kvm(nats.js).open(EVENTS_BUCKET).catch(() => undefined)
  for (const event of events) {
    const entry = event === 0 ? null : await bucket?.get(eventKey(event)).catch(() => null)
    if (entry?.operation !== 'PUT') continue
    names.set(event, { id: ids?.eventId(event), name: decodeEvent(entry.value).name })
  }
  return names
}

const isEmpty = ({ log, redis, clickhouse, differences }: EventComparison): boolean =>
  differences.length === 0 && [log, redis, clickhouse].every((books) => !books || books.entries === 0)

const run = async ({ isJson, waitMs, showsProgress, events: asked }: ReconcileRequest): Promise<number> => {
  const environment = readEnvironment(repositoryRoot())
  const stores = await operatorAddresses(environment)
  const ids = await publicIds(environment)
  const only = eventNumbers(asked, ids)
  const name = 'reconcile'
  const logger = createLogger(name, 'silent')
  const redis = connectRedis({ ...stores.redis, name, logger, commandTimeoutMs: REDIS_TIMEOUT_MS })
  await redisReady(redis, waitMs)
  const clickhouse = await connectToClickhouse(environment, CLICKHOUSE_TIMEOUT_MS)
  const answer = await clickhouse.ping({ select: true })
  if (!answer.success) throw new Error('ClickHouse does not answer', { cause: answer.error })
  const nats = await within(waitMs, 'NATS', connectNats({ ...stores.nats, name, logger }))
  const says = showsProgress || process.stderr.isTTY
  const reconciliation = await reconcile({
    nats,
    redis,
    clickhouse,
    waitMs,
    ...(only ? { events: only } : {}),
    ...(says
      ? {
          onProgress: createProgressLines(
            (line) => console.error(line),
            () => performance.now(),
          ),
        }
      : {}),
  })
  const names = await eventNames(
    nats,
    reconciliation.events.map(({ event }) => event),
    ids,
  )
  const unknown = reconciliation.events.filter((event) => isEmpty(event) && !names.has(event.event))
  if (only && unknown.length > 0) {
    throw new Error(`nothing is known of event ${unknown.map(({ event }) => event).join(', ')}`)
  }
  console.log(
    isJson ? JSON.stringify(reconciliationDocument(reconciliation, names)) : report(reconciliation, names),
  )
  return agrees(reconciliation) ? 0 : 1
}

/** Ends at once, and when everything is written: a connection still looking for its server would keep the process. */
const end = (status: number): void => {
  process.stdout.write('', () => process.exit(status))
}

const fail = (error: unknown, isJson: boolean): void => {
  const message = error instanceof Error ? error.message : String(error)
  if (isJson) console.log(JSON.stringify({ version: 1, error: message }))
  console.error('The books could not be compared:', message)
  if (error instanceof Error && error.cause) console.error(error.cause)
  end(2)
}

let request: ReconcileRequest | undefined
try {
  request = parseReconcileRequest(process.argv.slice(2))
} catch (error) {
  console.error(`${error instanceof Error ? error.message : error}\n\n${RECONCILE_USAGE}`)
  process.exitCode = 2
}
if (request?.isHelp) console.log(RECONCILE_USAGE)
else if (request) {
  const { isJson } = request
  run(request).then(end, (error: unknown) => fail(error, isJson))
}
