export const AT = '2026-01-02T03:04:05.000Z'
export const machine = { cores: 2, cpu: 'AMD EPYC', node: 'v20.20.2' }

export const votesRow = (contender: string, connections: number, perSecond: number, gateway: number) => ({
  contender,
  connections,
  perSecond,
  byProcess: { gateway, ingest: 28, processor: 37, nats: 20, redis: 8, clickhouse: 32 },
  requestBytes: 460,
  faults: 0,
})
export const commitRow = (
  fsync: boolean,
  shards: number,
  batchVotes: number | 'one-by-one',
  votesPerSecond: number,
) => ({
  fsync,
  shards,
  batchVotes,
  votesPerSecond,
  ownMicroseconds: 7,
  natsMicroseconds: 0.7,
  logBytes: 62,
  faults: 0,
})
export const fanoutRow = (contender: string, viewers: number, cpuMicroseconds: number) => ({
  contender,
  viewers,
  cpuMicroseconds,
  messageBytes: 1_300,
  contestants: 10,
  faults: 0,
})

export const FILES: Readonly<Record<string, object>> = {
  votes: {
    options: {},
    figures: {
      shards: 2,
      acknowledged: 5,
      counted: 5,
      figures: [
        votesRow('bare node:http', 256, 20_000, 40),
        votesRow('Votestream REST', 64, 4_000, 150),
        votesRow('Votestream REST', 256, 6_000, 130),
        votesRow('Votestream REST', 512, 5_000, 140),
      ],
    },
  },
  commit: {
    options: {},
    figures: [
      commitRow(true, 1, 'one-by-one', 900_000),
      commitRow(true, 1, 200, 70_000),
      commitRow(true, 1, 1_000, 150_000),
      commitRow(true, 2, 1_000, 190_000),
      commitRow(false, 1, 1_000, 800_000),
    ],
  },
  tally: {
    options: {},
    figures: { votes: 9, processorMicroseconds: 5.8, redisMicroseconds: 2.1, denseBytes: 0.19, faults: 0 },
  },
  archive: {
    options: {},
    figures: { rows: 9, processorMicroseconds: 6.8, clickhouseMicroseconds: 6, writtenBytes: 26, faults: 0 },
  },
  fanout: {
    options: { votes: 0 },
    figures: [
      fanoutRow('Votestream', 1_000, 25),
      fanoutRow('Votestream', 5_000, 20),
      fanoutRow('bare ws', 5_000, 19),
    ],
  },
  sockets: {
    options: {},
    figures: { viewers: 5_000, emptyMegabytes: 150, kilobytesPerSocket: 11.8, idleCores: 0.02 },
  },
  memory: {
    options: { voters: 30, accounts: 20 },
    figures: { votedSetBytes: 0.144, accountIndexBytes: 1_155, accountDiskBytes: 588 },
  },
}

/** @param changed texts of parts; undefined where there is none */
export const read =
  (changed: Readonly<Record<string, string | undefined>> = {}) =>
  (part: string): string | undefined =>
    part in changed ? changed[part] : JSON.stringify({ at: AT, machine, ...FILES[part] })
