import { createLogger } from '@votestream/infra/logging'
import { connectNats, type Nats } from '@votestream/infra/nats'
import { startServersForTest, type TestServers } from '@votestream/infra/servers/test-servers'
import { ensureVoteStreams } from '@votestream/infra/streams'
import { allShards } from '@votestream/schema/numbers'
import { voteStream } from '@votestream/schema/subjects'
import { logFaults } from '../log/read-votes.js'
import { median } from '../median.js'
import type { Say } from '../part.js'
import { startWorker, type Worker } from '../worker.js'
import type { CommitAnswer, CommitOrder } from './commit-process.js'
import { EVENT } from './writers.js'

export interface CommitOptions {
  /** Votes in one message at most, one run for each. */
  readonly batches: readonly number[]
  readonly shards: readonly number[]
  readonly waitingVoters: number
  readonly seconds: number
  readonly rounds: number
  readonly say: Say
}

interface Setting {
  readonly fsync: boolean
  readonly shards: number
  readonly batchVotes: CommitOrder['batchVotes']
}

/** Medians over the rounds. */
export interface CommitFigures extends Setting, Omit<CommitAnswer, 'counted'> {
  /** What a vote takes in the log, with its share of the message around it, as the broker counts it. */
  readonly logBytes: number
  /** Votes by which the streams differ from those that were counted, of all rounds. */
  readonly faults: number
}

const WARM_UP_SECONDS = 0.3
const logger = createLogger('bench', 'silent')

/** One setting after the other in each round, so that what else this machine does falls on all alike. */
export const measureCommit = async (options: CommitOptions): Promise<CommitFigures[]> => {
  const settings = settingsOf(options)
  const samples = new Map<Setting, CommitFigures[]>(settings.map((setting) => [setting, []]))
  const brokers: Broker[] = []
  try {
    for (const fsync of [true, false]) brokers.push(await startBroker(fsync))
    for (let round = 1; round <= options.rounds; round += 1) {
      for (const setting of settings) {
        const broker = brokers.find(({ fsync }) => fsync === setting.fsync)
        if (!broker) throw new Error('there is no such broker')
        const sample = await measureOne(broker, setting, options)
        samples.get(setting)?.push(sample)
        options.say(`round ${round}: ${nameOf(setting)}: ${sample.votesPerSecond.toFixed(0)} votes/s`)
      }
    }
    return settings.map((setting) => medianOf(setting, samples.get(setting) ?? []))
  } finally {
    for (const broker of brokers) await broker.stop()
  }
}

const settingsOf = ({ batches, shards }: CommitOptions): Setting[] =>
  [true, false].flatMap((fsync) =>
    shards.flatMap((count) =>
      (['one-by-one', ...batches] as const).map((batchVotes) => ({ fsync, shards: count, batchVotes })),
    ),
  )

export const nameOf = ({ fsync, shards, batchVotes }: Setting): string =>
  `${batchVotes}, ${shards} shards, fsync ${fsync ? 'on' : 'off'}`

interface Broker {
  readonly fsync: boolean
  readonly servers: TestServers
  readonly nats: Nats
  readonly worker: Worker<CommitOrder, CommitAnswer>
  stop(): Promise<void>
}

const startBroker = async (fsync: boolean): Promise<Broker> => {
  const servers = await startServersForTest(['nats'], { fsync })
  const nats = await connectNats({ url: servers.get('nats').url, name: 'bench', logger })
  const worker = startWorker<CommitOrder, CommitAnswer>(new URL('./commit-process.js', import.meta.url))
  const stop = async (): Promise<void> => {
    await worker.stop()
    await nats.close()
    await servers.stop()
  }
  return { fsync, servers, nats, worker, stop }
}

const measureOne = async (
  { servers, nats, worker }: Broker,
  setting: Setting,
  { waitingVoters, seconds }: CommitOptions,
): Promise<CommitFigures> => {
  const { shards, batchVotes } = setting
  await ensureVoteStreams(nats, { shards, replicas: 1 })
  try {
    const { url: natsUrl, pid: natsPid } = servers.get('nats')
    const { counted, ...answer } = await worker.ask({
      natsUrl,
      natsPid,
      shards,
      batchVotes,
      waitingVoters,
      warmUpSeconds: WARM_UP_SECONDS,
      seconds,
    })
    const logBytes = (await bytesInLog(nats, shards)) / counted.reduce((sum, votes) => sum + votes, 0)
    return { ...setting, ...answer, logBytes, faults: await logFaults(nats, EVENT, counted) }
  } finally {
    for (const shard of allShards(shards)) await nats.jsm.streams.delete(voteStream(shard))
  }
}

const bytesInLog = async (nats: Nats, shards: number): Promise<number> => {
  let bytes = 0
  for (const shard of allShards(shards)) bytes += (await nats.jsm.streams.info(voteStream(shard))).state.bytes
  return bytes
}

const medianOf = (setting: Setting, samples: readonly CommitFigures[]): CommitFigures => {
  const of = (field: Exclude<keyof CommitFigures, keyof Setting>) =>
    median(samples.map((sample) => sample[field]))
  return {
    ...setting,
    votesPerSecond: of('votesPerSecond'),
    ownMicroseconds: of('ownMicroseconds'),
    natsMicroseconds: of('natsMicroseconds'),
    logBytes: of('logBytes'),
    faults: samples.reduce((sum, { faults }) => sum + faults, 0),
  }
}
