import { type ChildProcess, spawn } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type ClickHouseClient, connectClickhouse } from '@votestream/infra/clickhouse'
import { type DeadLetters, openDeadLetters } from '@votestream/infra/dead-letters'
import { holdLeases, type Leases } from '@votestream/infra/leases'
import { createLogger } from '@votestream/infra/logging'
import { connectNats, type Nats } from '@votestream/infra/nats'
import { connectRedis, type Redis, redisReady } from '@votestream/infra/redis'
import { startServersForTest, type TestServers } from '@votestream/infra/servers/test-servers'
import { ensureVoteStreams, openLeasesBucket } from '@votestream/infra/streams'
import { createArchive } from '@votestream/processor/archive'
import { createPartPublisher } from '@votestream/processor/part-publisher'
import { runTallyLane } from '@votestream/processor/tally'
import { allShards, type ContestantIndex, eventNumber, type VoterNumber } from '@votestream/schema/numbers'
import { voteSubject } from '@votestream/schema/subjects'
import { type LogMessage, logMessage, VERDICT, type Vote } from '@votestream/schema/votes'
import { agrees, reconcile } from '../../src/books/reconciliation.js'
import { report } from '../../src/books/report.js'
import { variablesForTests } from '../../src/environment.js'

/** Servers and a processor's lanes under leases, as they run, with votes that arrive. */
export interface RebuildSystem {
  readonly servers: TestServers
  readonly nats: Nats
  readonly redis: Redis
  readonly clickhouse: ClickHouseClient
  readonly deadLetters: DeadLetters
  readonly env: NodeJS.ProcessEnv
  /** Writes this many messages into each shard's log. */
  vote(messages: number): Promise<void>
  /** Votes arrive until the answer is called. */
  keepVoting(): () => Promise<void>
  startLanes(): Promise<void>
  stopLanes(): Promise<void>
  begin(name: string, ...args: string[]): Running
  run(name: string, ...args: string[]): Promise<Ended>
  /** What differs in the books, once the sinks are at the end of the log: their report; empty when they agree. */
  differences(): Promise<string>
  until(condition: () => Promise<boolean> | boolean): Promise<void>
  stop(): Promise<void>
}

export interface Ended {
  readonly status: number | null
  readonly output: string
}

interface Running {
  readonly child: ChildProcess
  /** What it said so far. */
  said(): string
  readonly ended: Promise<Ended>
}

export const SHARDS = 2
export const EVENT = eventNumber(7)
export const OTHER = eventNumber(8)
const VOTES_IN_MESSAGE = 20
const logger = createLogger('rebuild-test', 'silent')
const noHalts = { set: () => undefined, clear: () => undefined }

export const startRebuildSystem = async (): Promise<RebuildSystem> => {
  const servers = await startServersForTest(['nats', 'redis', 'clickhouse'])
  const nats = await connectNats({ url: servers.get('nats').url, name: 'test', logger })
  const redis = connectRedis({ url: servers.get('redis').url, name: 'test', logger })
  await redisReady(redis, 5_000)
  const clickhouse = connectClickhouse({
    url: servers.get('clickhouse').url,
    user: 'default',
    password: '',
  })
  await ensureVoteStreams(nats, { shards: SHARDS, replicas: 1 })
  const deadLetters = await openDeadLetters(nats, 1)
  const env = {
    ...variablesForTests(),
    NATS_URL: servers.get('nats').url,
    REDIS_URL: servers.get('redis').url,
    CLICKHOUSE_URL: servers.get('clickhouse').url,
    CLICKHOUSE_PASSWORD: '',
    DATA_DIR: servers.folder,
  }
  const lanes: Leases[] = []
  const children = new Set<ChildProcess>()

  const begin = (name: string, ...args: string[]): Running => {
    const file = fileURLToPath(new URL(`../../src/${name}.js`, import.meta.url))
    const child = spawn(process.execPath, [file, ...args], { env })
    children.add(child)
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text))
    const ended = new Promise<Ended>((resolve) =>
      child.on('close', (status) => {
        children.delete(child)
        resolve({ status, output })
      }),
    )
    return { child, said: () => output, ended }
  }

  let round = 0
  const vote = async (messages: number): Promise<void> => {
    for (let sent = 0; sent < messages; sent += 1, round += 1) {
      for (const shard of allShards(SHARDS)) {
        await nats.js.publish(voteSubject(shard), logMessage.encode(messageOf(shard, round)))
      }
    }
  }

  return {
    servers,
    nats,
    redis,
    clickhouse,
    deadLetters,
    env,
    vote,
    keepVoting() {
      let ended = false
      const voting = (async () => {
        while (!ended) {
          await vote(1)
          await pause(20)
        }
      })()
      return async () => {
        ended = true
        await voting
      }
    },
    async startLanes() {
      const bucket = await openLeasesBucket(nats, 1)
      const common = { bucket, instance: 'processor', shards: SHARDS, logger }
      const publisher = createPartPublisher({ publish: () => undefined, tickMs: 50 })
      const options = { nats, redis, clickhouse, shards: SHARDS, logger, deadLetters, halts: noHalts }
      const archive = createArchive({ ...options, pauseMs: 20 })
      lanes.push(
        await holdLeases({
          ...common,
          role: 'tally',
          work: (shard, signal) => runTallyLane({ ...options, shard, publisher, signal }),
        }),
        await holdLeases({
          ...common,
          role: 'archive',
          work: (shard, signal) => archive.runLane({ shard, signal }),
        }),
      )
    },
    async stopLanes() {
      await Promise.all(lanes.splice(0).map((lane) => lane.stop()))
    },
    begin,
    run: (name, ...args) => begin(name, ...args).ended,
    async differences() {
      const books = await reconcile({ nats, redis, clickhouse, waitMs: 30_000 })
      return agrees(books) ? '' : report(books, new Map())
    },
    async until(condition) {
      while (!(await condition())) await pause(5)
    },
    async stop() {
      for (const child of children) child.kill('SIGKILL')
      await Promise.all(lanes.splice(0).map((lane) => lane.stop()))
      await clickhouse.close()
      redis.disconnect()
      await nats.close()
      await servers.stop()
    },
  }
}

/** Voters who come again, flags and decisions among them; most votes are for EVENT. */
const messageOf = (shard: number, round: number): LogMessage => {
  const votes: Vote[] = Array.from({ length: VOTES_IN_MESSAGE }, (_, index) => {
    const number = round * VOTES_IN_MESSAGE + index - (index % 7 === 0 ? 100 : 0)
    return {
      event: index % 5 === 0 ? OTHER : EVENT,
      voter: ((Math.max(0, number) + 1) * SHARDS + shard) as VoterNumber,
      contestant: (index % 3) as ContestantIndex,
      attempt: 1,
      ackedAtMs: Date.now(),
      flags: index % 11 === 0 ? 1 : 0,
      clientTimestampMs: 0,
      deviceId: '',
      appVersion: '',
      channel: 1,
      traceId: '',
    }
  })
  const [, decided] = votes
  const decisions =
    decided && round % 10 === 0
      ? [
          {
            event: decided.event,
            voter: decided.voter,
            contestant: decided.contestant,
            votedAtMs: decided.ackedAtMs,
            verdict: VERDICT.reject,
            decidedAtMs: Date.now(),
            decidedBy: 1 as VoterNumber,
          },
        ]
      : []
  return { votes, closings: [], takeover: round % 10 === 5 ? { owner: 'a' } : null, decisions }
}
