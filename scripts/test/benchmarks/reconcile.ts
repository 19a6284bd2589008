import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { connectClickhouse } from '@votestream/infra/clickhouse'
import { logPosition } from '@votestream/infra/log-reader'
import { createLogger } from '@votestream/infra/logging'
import { applyMigrations, readMigrations } from '@votestream/infra/migrations'
import { connectNats } from '@votestream/infra/nats'
import { connectRedis, redisReady } from '@votestream/infra/redis'
import { startServersForTest } from '@votestream/infra/servers/test-servers'
import { ensureVoteStreams } from '@votestream/infra/streams'
import { migrationsFolder } from '@votestream/schema/clickhouse-schema'
import { allShards, eventNumber, type Shard } from '@votestream/schema/numbers'
import { voteSubject } from '@votestream/schema/subjects'
import { BATCH_VOTES_MAX, logMessage } from '@votestream/schema/votes'
import { readArchivedSequence } from '../../src/books/clickhouse-books.js'
import { readRedisPosition } from '../../src/books/redis-books.js'
import { variablesForTests } from '../../src/environment.js'
import { messageOf, runSinks, voteOf } from '../integration/log-and-sinks.js'

/**
 * How long `npm run reconcile` takes for a million votes, and its memory:
 *
 *     node scripts/dist/test/benchmarks/reconcile.js [messages of 1,000 votes [events]]
 *
 * Full messages, each voter once, in one event or in turn in each of so many, made into Redis and ClickHouse by the real tally and archive.
 */

const SHARDS = 2
const MESSAGES = Number(process.argv[2] ?? 1_000)
const EVENTS = Number(process.argv[3] ?? 1)
const LOOK_EVERY_MS = 200
const logger = createLogger('reconcile-benchmark', 'silent')

const seconds = (sinceMs: number): string => ((performance.now() - sinceMs) / 1000).toFixed(1)

const servers = await startServersForTest(['nats', 'redis', 'clickhouse'])
const nats = await connectNats({ url: servers.get('nats').url, name: 'benchmark', logger })
const redis = connectRedis({ url: servers.get('redis').url, name: 'benchmark', logger })
await redisReady(redis, 5_000)
const clickhouse = connectClickhouse({ url: servers.get('clickhouse').url, user: 'default', password: '' })
await applyMigrations({ clickhouse, migrations: await readMigrations(migrationsFolder), say: () => {} })
await ensureVoteStreams(nats, { shards: SHARDS, replicas: 1 })

const messageAt = (index: number, shard: Shard) => {
  const ackedAtMs = Date.now()
  return messageOf({
    votes: Array.from({ length: BATCH_VOTES_MAX }, (_, place) =>
      voteOf({
        event: eventNumber(1 + (place % EVENTS)),
        voter: SHARDS * (index * BATCH_VOTES_MAX + place + 1) + shard,
        contestant: place % 10,
        ackedAtMs,
      }),
    ),
  })
}

let beganMs = performance.now()
for (let index = 0; index < MESSAGES / SHARDS; index += 1) {
  await Promise.all(
    allShards(SHARDS).map((shard) =>
      nats.js.publish(voteSubject(shard), logMessage.encode(messageAt(index, shard))),
    ),
  )
}
console.log(`${MESSAGES * BATCH_VOTES_MAX} votes in the log after ${seconds(beganMs)} s`)

beganMs = performance.now()
const endSinks = await runSinks({ nats, redis, clickhouse, shards: SHARDS, logger })
for (const shard of allShards(SHARDS)) {
  const { generation, lastSequence } = await logPosition(nats, shard)
  const isDone = async () =>
    (await readRedisPosition(redis, shard)).sequence >= lastSequence &&
    (await readArchivedSequence({ clickhouse, shard, generation })) >= lastSequence
  while (!(await isDone())) await setTimeout(LOOK_EVERY_MS)
}
console.log(`in Redis and ClickHouse after ${seconds(beganMs)} s`)
await endSinks()

beganMs = performance.now()
const command = spawn(
  process.execPath,
  [fileURLToPath(new URL('../../src/reconcile.js', import.meta.url)), '--progress'],
  {
    env: {
      ...variablesForTests(),
      NATS_URL: servers.get('nats').url,
      REDIS_URL: servers.get('redis').url,
      CLICKHOUSE_URL: servers.get('clickhouse').url,
      CLICKHOUSE_PASSWORD: '',
      DATA_DIR: servers.folder,
    },
    stdio: 'inherit',
  },
)
let peak = ''
while (command.exitCode === null) {
  try {
    peak = /VmHWM:\s+(.*)/.exec(readFileSync(`/proc/${command.pid}/status`, 'utf8'))?.[1] ?? peak
  } catch {
    // It has ended.
  }
  await setTimeout(LOOK_EVERY_MS)
}
console.log(
  `reconciled after ${seconds(beganMs)} s, exit status ${command.exitCode}, at most ${peak} of memory`,
)

await clickhouse.close()
redis.disconnect()
await nats.close()
await servers.stop()
