import { connectClickhouse } from '@votestream/infra/clickhouse'
import { logPosition, readLogRange } from '@votestream/infra/log-reader'
import { createLogger } from '@votestream/infra/logging'
import { connectNats, type Nats } from '@votestream/infra/nats'
import { connectRedis, redisReady } from '@votestream/infra/redis'
import { allShards, type Shard } from '@votestream/schema/numbers'
import { logMessage } from '@votestream/schema/votes'
import { reconcile } from '../books/reconciliation.js'
import type { LogContents, LoggedVote, Violation } from './judgement.js'
import type { ChaosSystem } from './processes.js'

const DRAIN_MS = 60_000
const MESSAGES_MAX = 256

/** Every vote and closing in the log, with what the rules of counting make of each. */
export const readLogContents = async (nats: Nats, shards: number): Promise<LogContents> => {
  const parts = await Promise.all(allShards(shards).map((shard) => readShardLog(nats, shard)))
  return {
    shards,
    votes: parts.flatMap(({ votes }) => votes),
    closings: parts.flatMap(({ closings }) => closings),
  }
}

const readShardLog = async (nats: Nats, shard: Shard) => {
  const { lastSequence } = await logPosition(nats, shard)
  const ended = new AbortController()
  const votes: LoggedVote[] = []
  const closings: { shard: number; event: number }[] = []
  const voted = new Set<string>()
  const closed = new Set<number>()
  const range = { nats, shard, fromSequence: 1, toSequence: lastSequence, batchMax: MESSAGES_MAX }
  for await (const entries of readLogRange({ ...range, signal: ended.signal })) {
    for (const { sequence, data } of entries) {
      const message = logMessage.decode(data)
      for (const { event, voter, contestant, flags } of message.votes) {
        const name = `${event}.${voter}`
        const isRejected = flags !== 0 || closed.has(event)
        const outcome = voted.has(name) ? 'superseded' : isRejected ? 'rejected' : 'counted'
        voted.add(name)
        votes.push({ shard, sequence, event, voter, contestant, outcome })
      }
      for (const { event } of message.closings) {
        closed.add(event)
        closings.push({ shard, event })
      }
    }
  }
  ended.abort()
  return { votes, closings }
}

/** How many counted votes each contestant of an event has. */
export const countedOf = ({ votes }: LogContents, event: number): ReadonlyMap<number, number> => {
  const counted = new Map<number, number>()
  for (const vote of votes) {
    if (vote.event !== event || vote.outcome !== 'counted') continue
    counted.set(vote.contestant, (counted.get(vote.contestant) ?? 0) + 1)
  }
  return counted
}

/** The books, once both sinks have drained: Redis, ClickHouse, its windows and a replay, laid side by side. */
export const judgeBooks = async (system: ChaosSystem): Promise<Violation[]> => {
  const { direct, environment, secrets } = system
  const logger = createLogger('chaos', 'silent')
  const nats = await connectNats({ url: direct.natsUrl, name: 'chaos-books', logger })
  const redis = connectRedis({ url: direct.redisUrl, name: 'chaos-books', logger })
  const clickhouse = connectClickhouse({
    url: direct.clickHouseUrl,
    user: environment.CLICKHOUSE_USER,
    password: secrets.clickHousePassword,
  })
  const found = (what: string, detail: string): Violation => ({
    column: 'other',
    what,
    atMs: undefined,
    detail,
  })
  try {
    await redisReady(redis, DRAIN_MS)
    const { events } = await reconcile({ nats, redis, clickhouse, waitMs: DRAIN_MS })
    const differences = events.flatMap((event) => event.differences)
    return differences.map((difference) => found('the books do not balance', JSON.stringify(difference)))
  } catch (error) {
    return [found('the sinks did not drain', String(error))]
  } finally {
    redis.disconnect()
    await clickhouse.close()
    await nats.close()
  }
}
