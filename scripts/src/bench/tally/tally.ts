import { createLogger } from '@votestream/infra/logging'
import { connectNats, type Nats } from '@votestream/infra/nats'
import { connectRedis, type Redis, redisReady } from '@votestream/infra/redis'
import { startServersForTest, type TestServers } from '@votestream/infra/servers/test-servers'
import { allShards, eventNumber } from '@votestream/schema/numbers'
import { tallyKey } from '@votestream/schema/redis-keys'
import { voteStream } from '@votestream/schema/subjects'
import { parseTally } from '@votestream/schema/tally'
import { type FullLog, fillLog, mixedVoters, scatteredVoters } from '../log/full-log.js'
import type { LanesAnswer, LanesOrder } from '../log/lanes-process.js'
import { CONTESTANTS } from '../log/votes.js'
import { median } from '../median.js'
import type { Say } from '../part.js'
import { startWorker, type Worker } from '../worker.js'

export interface TallyOptions {
  readonly votes: number
  readonly batchVotes: number
  readonly shards: number
  readonly rounds: number
  /** Voters who are alone in their part of all the numbers. */
  readonly scattered: number
  readonly say: Say
}

/** Medians over the rounds. Processor time is for a vote. */
export interface TallyFigures {
  readonly votes: number
  readonly votesPerSecond: number
  readonly roundsVotesPerSecond: readonly number[]
  readonly processorMicroseconds: number
  readonly redisMicroseconds: number
  readonly natsMicroseconds: number
  /** What Redis holds for a vote, where every number has voted. */
  readonly denseBytes: number
  /** The same, where few of very many have. */
  readonly scatteredBytes: number
  /** Votes by which Redis differs from the log, of all rounds. */
  readonly faults: number
}

/** Accounts among which the scattered voters are. */
const AMONG = 300_000_000
const REDIS_WAIT_MS = 5_000
const logger = createLogger('bench', 'silent')

/** The tally of a full log by one process, from the first message to the last. */
export const measureTally = async (options: TallyOptions): Promise<TallyFigures> => {
  const { votes, batchVotes, shards, rounds, scattered, say } = options
  const bench = await openBench()
  try {
    const log = { nats: bench.nats, shards, event: eventNumber(1), batchVotes }
    const dense = await fillLog({ ...log, votes, voterAt: mixedVoters(votes) })
    say(`${votes} votes are in the log`)
    const samples: Sample[] = []
    for (let round = 1; round <= rounds; round += 1) {
      const sample = await applyLog(bench, dense)
      samples.push(sample)
      say(`round ${round}: ${(votes / sample.seconds).toFixed(0)} votes/s`)
    }
    for (const shard of allShards(shards)) await bench.nats.jsm.streams.delete(voteStream(shard))
    const few = await fillLog({ ...log, votes: scattered, voterAt: scatteredVoters(scattered, AMONG) })
    const sparse = await applyLog(bench, few)
    return figuresOf(votes, samples, { sample: sparse, votes: scattered })
  } finally {
    await bench.stop()
  }
}

interface Bench {
  readonly servers: TestServers
  readonly nats: Nats
  readonly redis: Redis
  readonly worker: Worker<LanesOrder, LanesAnswer>
  stop(): Promise<void>
}

const openBench = async (): Promise<Bench> => {
  const servers = await startServersForTest(['nats', 'redis'])
  const nats = await connectNats({ url: servers.get('nats').url, name: 'bench', logger })
  const redis = connectRedis({ url: servers.get('redis').url, name: 'bench', logger })
  await redisReady(redis, REDIS_WAIT_MS)
  const worker = startWorker<LanesOrder, LanesAnswer>(new URL('../log/lanes-process.js', import.meta.url))
  const stop = async (): Promise<void> => {
    await worker.stop()
    redis.disconnect()
    await nats.close()
    await servers.stop()
  }
  return { servers, nats, redis, worker, stop }
}

interface Sample extends LanesAnswer {
  readonly bytes: number
  readonly faults: number
}

const applyLog = async ({ servers, redis, worker }: Bench, log: FullLog): Promise<Sample> => {
  await redis.flushall()
  const [nats, sink] = [servers.get('nats'), servers.get('redis')]
  const answer = await worker.ask({
    role: 'tally',
    nats: { url: nats.url, pid: nats.pid },
    sink: { url: sink.url, pid: sink.pid },
    ends: log.ends,
  })
  const faults = await faultsOf(redis, log)
  return { ...answer, bytes: await heldBytes(redis), faults }
}

const KEYS_AT_ONCE = 1_000

/**
 * Of all keys and what they hold, with the entries by which Redis finds them. What the process takes as a whole goes up and
 * down by tens of kilobytes with what its connections and its way to the disk need at the moment.
 */
const heldBytes = async (redis: Redis): Promise<number> => {
  let bytes = 0
  let cursor = '0'
  do {
    const [next, keys] = await redis.scan(cursor, 'COUNT', KEYS_AT_ONCE)
    for (const key of keys) bytes += (await redis.memory('USAGE', key, 'SAMPLES', 0)) ?? 0
    cursor = next
  } while (cursor !== '0')
  return bytes
}

const faultsOf = async (redis: Redis, { event, totals, ends, votes }: FullLog): Promise<number> => {
  const tallies = await Promise.all(
    allShards(ends.length).map(async (shard) =>
      parseTally(Object.entries(await redis.hgetall(tallyKey(shard, event))).flat()),
    ),
  )
  const found = (contestant: number): number =>
    tallies.reduce((sum, tally) => sum + (tally.totals[contestant] ?? 0), 0)
  const entries = tallies.reduce((sum, tally) => sum + tally.entries, 0)
  return Array.from({ length: CONTESTANTS }, (_, contestant) =>
    Math.abs(found(contestant) - (totals[contestant] ?? 0)),
  ).reduce((sum, fault) => sum + fault, Math.abs(entries - votes))
}

const figuresOf = (
  votes: number,
  samples: readonly Sample[],
  sparse: { readonly sample: Sample; readonly votes: number },
): TallyFigures => {
  const of = (figure: (sample: Sample) => number): number => median(samples.map(figure))
  return {
    votes,
    votesPerSecond: of(({ seconds }) => votes / seconds),
    roundsVotesPerSecond: samples.map(({ seconds }) => votes / seconds),
    processorMicroseconds: of(({ ownCpuSeconds }) => (ownCpuSeconds * 1e6) / votes),
    redisMicroseconds: of(({ sinkCpuSeconds }) => (sinkCpuSeconds * 1e6) / votes),
    natsMicroseconds: of(({ natsCpuSeconds }) => (natsCpuSeconds * 1e6) / votes),
    denseBytes: of(({ bytes }) => bytes / votes),
    scatteredBytes: sparse.sample.bytes / sparse.votes,
    faults: [...samples, sparse.sample].reduce((sum, { faults }) => sum + faults, 0),
  }
}
