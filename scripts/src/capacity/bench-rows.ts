// What each part of the bench writes, and which of its rows the arithmetic rests on.

import { z } from 'zod'
import type { Figure, Figures, MemoryFigures } from './figures.js'

/** How a part's figures are made: they carry its name and its date. */
export interface Dated {
  /** @throws Error for a value that is not above 0. */
  figure(name: string, value: number, unit: string, row?: string): Figure
  /** An error for a person, about this part. */
  fault(sentence: string): Error
}

const OURS = 'Votestream REST'
const SHOWN = 'Votestream'
const MICROS = 'µs'
const MICROS_A_CORE_SECOND = 1e6

const count = z.number().nonnegative()

const votes = z.object({
  options: z.object({ profile: z.boolean().default(false) }),
  figures: z.object({
    shards: z.number().int().positive(),
    acknowledged: count,
    counted: count,
    figures: z.array(
      z.object({
        contender: z.string(),
        connections: count,
        perSecond: count,
        byProcess: z.record(z.string(), count),
        requestBytes: count,
        faults: count,
      }),
    ),
  }),
})

/** The row in which most votes were taken: what a vote costs when there is enough to do. */
export const votesFigures = (json: unknown, { figure, fault }: Dated) => {
  const { options, figures: measured } = votes.parse(json)
  if (options.profile) throw fault('was measured with --profile, which costs time of its own')
  const { figures, shards, acknowledged, counted } = measured
  if (acknowledged !== counted) throw fault(`${acknowledged} votes were acknowledged and ${counted} counted`)
  const row = best(
    figures.filter(({ contender }) => contender === OURS),
    ({ perSecond }) => perSecond,
  )
  if (!row) throw fault(`has no row of ${OURS}`)
  refuseFaults(row.faults, fault)
  const where = `${OURS}, ${row.connections} connections`
  const of = (process: string, name: string): Figure => {
    const micros = row.byProcess[process]
    if (micros === undefined) throw fault(`has no processor time of ${process}`)
    return figure(name, micros, MICROS, where)
  }
  return {
    gatewayVote: of('gateway', 'gateway a vote'),
    ingestVote: of('ingest', 'ingest a vote'),
    natsVote: of('nats', 'NATS a vote'),
    liveProcessor: of('processor', 'processor a vote, live'),
    liveRedis: of('redis', 'Redis a vote, live'),
    liveClickhouse: of('clickhouse', 'ClickHouse a vote, live'),
    requestBytes: figure('a request', row.requestBytes, 'bytes', where),
    pairRate: figure('a gateway to a shard', row.perSecond / shards, 'votes/s', where),
  } satisfies Partial<Figures>
}

const commit = z.object({
  figures: z.array(
    z.object({
      fsync: z.boolean(),
      shards: count,
      batchVotes: z.union([z.number(), z.literal('one-by-one')]),
      votesPerSecond: count,
      natsMicroseconds: count,
      logBytes: count,
      faults: count,
    }),
  ),
})

/** With fsync and in groups alone, as ingest writes; of one stream and of all, the row that was fastest. */
export const commitFigures = (json: unknown, { figure, fault }: Dated) => {
  const rows = commit
    .parse(json)
    .figures.filter(({ fsync, batchVotes }) => fsync && batchVotes !== 'one-by-one')
  const fastest = (some: typeof rows) => best(some, ({ votesPerSecond }) => votesPerSecond)
  const stream = fastest(rows.filter(({ shards }) => shards === 1))
  const broker = fastest(rows)
  if (!stream || !broker) throw fault('has no row of group commit with fsync on 1 shard')
  for (const { faults } of [stream, broker]) refuseFaults(faults, fault)
  const named = ({ shards, batchVotes }: (typeof rows)[number]): string =>
    `fsync, ${shards} ${shards === 1 ? 'shard' : 'shards'}, batches of ${batchVotes}`
  const where = named(stream)
  return {
    streamRate: figure('one stream', stream.votesPerSecond, 'votes/s', where),
    brokerRate: figure('one broker', broker.votesPerSecond, 'votes/s', named(broker)),
    copyVote: figure('NATS a copy', stream.natsMicroseconds, MICROS, where),
    logBytes: figure('a vote in the log', stream.logBytes, 'bytes', where),
  } satisfies Partial<Figures>
}

const tally = z.object({
  figures: z.object({
    votes: count,
    processorMicroseconds: count,
    redisMicroseconds: count,
    denseBytes: count,
    faults: count,
  }),
})

export const tallyFigures = (json: unknown, { figure, fault }: Dated) => {
  const { figures } = tally.parse(json)
  refuseFaults(figures.faults, fault)
  const where = `${figures.votes} votes`
  return {
    tallyVote: figure('tally a vote', figures.processorMicroseconds, MICROS, where),
    redisVote: figure('Redis a vote', figures.redisMicroseconds, MICROS, where),
    redisBytes: figure('Redis a voter', figures.denseBytes, 'bytes', where),
  } satisfies Partial<Figures>
}

const archive = z.object({
  figures: z.object({
    rows: count,
    processorMicroseconds: count,
    clickhouseMicroseconds: count,
    writtenBytes: count,
    faults: count,
  }),
})

export const archiveFigures = (json: unknown, { figure, fault }: Dated) => {
  const { figures } = archive.parse(json)
  refuseFaults(figures.faults, fault)
  const where = `${figures.rows} rows`
  return {
    archiveRow: figure('archive a row', figures.processorMicroseconds, MICROS, where),
    clickhouseRow: figure('ClickHouse a row', figures.clickhouseMicroseconds, MICROS, where),
    rowBytes: figure('a row', figures.writtenBytes, 'bytes', where),
  } satisfies Partial<Figures>
}

const fanout = z.object({
  options: z.object({ votes: count }),
  figures: z.array(
    z.object({
      contender: z.string(),
      viewers: count,
      cpuMicroseconds: count,
      messageBytes: count,
      contestants: count,
      faults: count,
    }),
  ),
})

/** The row with the most viewers. */
export const fanoutFigures = (json: unknown, { figure, fault }: Dated) => {
  const { figures, options } = fanout.parse(json)
  if (options.votes > 0) throw fault('was measured with --votes, which the gateway took besides')
  const row = best(
    figures.filter(({ contender }) => contender === SHOWN),
    ({ viewers }) => viewers,
  )
  if (!row) throw fault(`has no row of ${SHOWN}`)
  refuseFaults(row.faults, fault)
  const where = `${SHOWN}, ${row.viewers} viewers`
  return {
    message: figure('a message', row.cpuMicroseconds, MICROS, where),
    messageBytes: figure('a message on the wire', row.messageBytes, 'bytes', where),
    contestants: figure('contestants measured', row.contestants, 'contestants', where),
  } satisfies Partial<Figures>
}

const sockets = z.object({
  figures: z.object({
    viewers: count.positive(),
    emptyMegabytes: count,
    kilobytesPerSocket: count,
    idleCores: count,
  }),
})

export const socketsFigures = (json: unknown, { figure }: Dated) => {
  const { viewers, emptyMegabytes, kilobytesPerSocket, idleCores } = sockets.parse(json).figures
  const where = `${viewers} sockets`
  return {
    socketKilobytes: figure('a socket', kilobytesPerSocket, 'KiB', where),
    emptyMegabytes: figure('an empty process', emptyMegabytes, 'MiB', where),
    idleSocket: figure('an idle socket', (idleCores * MICROS_A_CORE_SECOND) / viewers, 'µs/s', where),
  } satisfies Partial<Figures>
}

const memory = z.object({
  options: z.object({ voters: count, accounts: count }),
  figures: z.object({ votedSetBytes: count, accountIndexBytes: count, accountDiskBytes: count }),
})

export const memoryFigures = (json: unknown, { figure }: Dated): MemoryFigures => {
  const { options, figures } = memory.parse(json)
  const accounts = `${options.accounts} accounts`
  return {
    votedSet: figure('a voter', figures.votedSetBytes, 'bytes', `${options.voters} voters`),
    accountIndex: figure('an account', figures.accountIndexBytes, 'bytes', accounts),
    accountDisk: figure('an account on disk', figures.accountDiskBytes, 'bytes', accounts),
  }
}

const best = <Row>(rows: readonly Row[], of: (row: Row) => number): Row | undefined =>
  rows.reduce<Row | undefined>(
    (found, row) => (found === undefined || of(row) > of(found) ? row : found),
    undefined,
  )

/** A bench that found something wrong is nothing to build on. */
const refuseFaults = (faults: number, fault: Dated['fault']): void => {
  if (faults > 0) throw fault(`the bench found ${faults} faults`)
}
