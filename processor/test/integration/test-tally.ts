import { setTimeout as pause } from 'node:timers/promises'
import { type DeadLetter, type DeadLetters, openDeadLetters } from '@votestream/infra/dead-letters'
import { createHalts, type Halts } from '@votestream/infra/halts'
import { createLogger, type Logger } from '@votestream/infra/logging'
import { connectNats, type Nats } from '@votestream/infra/nats'
import { connectRedis, type Redis, redisReady } from '@votestream/infra/redis'
import { startServersForTest, type TestServers } from '@votestream/infra/servers/test-servers'
import { ensureVoteStreams } from '@votestream/infra/streams'
import { allShards, type EventNumber, type Shard } from '@votestream/schema/numbers'
import { checkpointKey, tallyKey } from '@votestream/schema/redis-keys'
import { DEAD_STREAM, voteStream, voteSubject } from '@votestream/schema/subjects'
import { parseTally, type Tally } from '@votestream/schema/tally'
import { type BoardPart, type LogMessage, logMessage } from '@votestream/schema/votes'
import { Registry } from 'prom-client'
import { createPartPublisher } from '../../src/publish/part-publisher.js'
import { runTallyLane, type TallyLaneOptions } from '../../src/tally/tally-lane.js'

/** Tally lanes over real servers, with what they publish, put aside and say. */
export interface TestTally {
  readonly servers: TestServers
  readonly nats: Nats
  readonly redis: Redis
  readonly deadLetters: DeadLetters
  readonly halts: Halts
  readonly registry: Registry
  readonly published: BoardPart[]
  /** @returns what ends the lane. */
  startLane(shard: Shard, more?: Partial<TallyLaneOptions>): () => Promise<void>
  append(shard: Shard, message: Partial<LogMessage> | Uint8Array): Promise<number>
  until(condition: () => Promise<boolean> | boolean): Promise<void>
  /** The view of the shard is at this sequence. */
  reached(shard: Shard, sequence: number): Promise<void>
  tally(shard: Shard, event: EventNumber): Promise<Tally>
  letters(): Promise<DeadLetter[]>
  /** Logs, letters and views as on the first day. */
  reset(): Promise<void>
  stop(): Promise<void>
}

const logger = createLogger('test', 'silent')

export const encoded = (message: Partial<LogMessage>): Uint8Array =>
  logMessage.encode({ votes: [], closings: [], takeover: null, decisions: [], ...message })

export const startTestTally = async (shards: number): Promise<TestTally> => {
  const servers = await startServersForTest(['nats', 'redis'])
  const nats = await connectNats({ url: servers.get('nats').url, name: 'test', logger })
  const redis = connectRedis({ url: servers.get('redis').url, name: 'test', logger })
  await redisReady(redis, 5_000)
  const deadLetters = await openDeadLetters(nats, 1)
  const registry = new Registry()
  const halts = createHalts(registry)
  const published: BoardPart[] = []
  const lanes = new Set<() => Promise<void>>()

  const until = async (condition: () => Promise<boolean> | boolean): Promise<void> => {
    while (!(await condition())) await pause(10)
  }
  const endLanes = async () => void (await Promise.all([...lanes].map((end) => end())))

  return {
    servers,
    nats,
    redis,
    deadLetters,
    halts,
    registry,
    published,
    startLane(shard, more = {}) {
      const abort = new AbortController()
      const publisher = createPartPublisher({
        publish: (_event, part) => void published.push(part),
        tickMs: 1,
      })
      const own = { nats, redis, shard, shards, logger, publisher, deadLetters, halts }
      const done = runTallyLane({ ...own, ...more, signal: abort.signal }).catch(() => undefined)
      const end = async () => {
        abort.abort()
        await done
        publisher.stop()
        lanes.delete(end)
      }
      lanes.add(end)
      return end
    },
    async append(shard, message) {
      const data = message instanceof Uint8Array ? message : encoded(message)
      const { seq } = await nats.js.publish(voteSubject(shard), data)
      return seq
    },
    until,
    reached: (shard, sequence) =>
      until(async () => (await redis.hget(checkpointKey(shard), 'sequence')) === String(sequence)),
    tally: async (shard, event) =>
      parseTally(Object.entries(await redis.hgetall(tallyKey(shard, event))).flat()),
    async letters() {
      const found: DeadLetter[] = []
      for await (const letter of deadLetters.list()) found.push(letter)
      return found
    },
    async reset() {
      await endLanes()
      published.length = 0
      for (const shard of allShards(shards)) {
        await nats.jsm.streams.delete(voteStream(shard)).catch(() => undefined)
      }
      await ensureVoteStreams(nats, { shards, replicas: 1 })
      await nats.jsm.streams.purge(DEAD_STREAM)
      await redis.flushall()
    },
    async stop() {
      await endLanes()
      redis.disconnect()
      await nats.close()
      await servers.stop()
    },
  }
}

/** Remembers what is logged at two levels. */
export const listeningLogger = (): { logger: Logger; fatal: string[]; info: string[] } => {
  const fatal: string[] = []
  const info: string[] = []
  const listening = createLogger('test', 'silent')
  listening.fatal = (_fields: unknown, sentence?: string) => void fatal.push(sentence ?? '')
  listening.info = (_fields: unknown, sentence?: string) => void info.push(sentence ?? '')
  return { logger: listening, fatal, info }
}
