import type { Demand } from '../../../src/capacity/demand.js'
import type { Figure, Figures } from '../../../src/capacity/figures.js'

export const figure = (value: number): Figure => ({
  name: 'a figure',
  value,
  unit: 'µs',
  part: 'votes',
  at: '2026-01-02T03:04:05.000Z',
  row: '',
})

/** Round numbers, so that what follows from them can be worked out by hand. */
export const FIGURES: Figures = {
  gatewayVote: figure(100),
  ingestVote: figure(25),
  natsVote: figure(20),
  requestBytes: figure(500),
  liveProcessor: figure(13),
  liveRedis: figure(2),
  liveClickhouse: figure(6),
  pairRate: figure(1_000),
  streamRate: figure(100_000),
  brokerRate: figure(200_000),
  copyVote: figure(2),
  logBytes: figure(60),
  tallyVote: figure(5),
  redisVote: figure(2),
  redisBytes: figure(0.2),
  archiveRow: figure(8),
  clickhouseRow: figure(6),
  rowBytes: figure(30),
  message: figure(20),
  messageBytes: figure(1_000),
  contestants: figure(10),
  socketKilobytes: figure(12),
  emptyMegabytes: figure(150),
  idleSocket: figure(4),
  memory: { votedSet: figure(0.15), accountIndex: figure(1_000), accountDisk: figure(600) },
}

export const DEMAND: Demand = {
  rate: 250_000,
  viewers: 1_000_000,
  voters: 300_000_000,
  boards: 5,
  contestants: 10,
  headroom: 0.5,
  replicas: 3,
  coresPerNode: 16,
  memoryGib: 64,
  nicGbits: 10,
  redisCopies: 2,
  ticks: 20,
}
