import { voteRequests } from '../../load/vote-requests.js'
import { countedOnce, votesOnBoard } from '../board-votes.js'
import { type ClosedFigures, measureClosedVotes } from '../closed-votes.js'
import { CONTESTANTS } from '../fanout/shown-board.js'
import { median } from '../median.js'
import type { Say } from '../part.js'
import { type SmallSystem, startSmallSystem } from '../small-system.js'
import { nameOf, type Shape } from './shapes.js'

export interface ScaleOptions {
  readonly shapes: readonly Shape[]
  readonly connections: number
  readonly rounds: number
  readonly seconds: number
  /** Of each system, before it is measured. */
  readonly warmUpSeconds: number
  readonly say: Say
}

/** Medians over the rounds; counts are of all rounds together. */
export interface ScaleFigures extends Omit<ClosedFigures, 'p50Ms' | 'requestBytes'> {
  readonly shape: Shape
  /** Of warming up and ramps too: every vote there was. */
  readonly acknowledged: number
  readonly counted: number
  /** Rounds after which the board did not hold exactly what was acknowledged. */
  readonly inexact: number
}

/** More than can be taken a second on any machine: so many are prepared. */
const PER_SECOND_MAX = 25_000
const TIMEOUT_MS = 20_000

/** One system after the other in each round, so that what else this machine does falls on all alike. */
export const measureScale = async (options: ScaleOptions): Promise<ScaleFigures[]> => {
  const { shapes, rounds, say } = options
  const samples = shapes.map((): ScaleFigures[] => [])
  for (let round = 1; round <= rounds; round += 1) {
    for (const [index, shape] of shapes.entries()) {
      const sample = await measureOne(shape, options)
      samples[index]?.push(sample)
      const { perSecond, cpuMicroseconds: cpu } = sample
      say(`round ${round}: ${nameOf(shape)}: ${perSecond.toFixed(0)}/s, ${cpu.toFixed(1)} µs`)
    }
  }
  return samples.map(medianOf)
}

const measureOne = async (shape: Shape, options: ScaleOptions): Promise<ScaleFigures> => {
  const { gateways, owners, shards } = shape
  const system = await startSmallSystem({
    contestants: CONTESTANTS,
    votes: true,
    archive: true,
    ingests: owners,
    processors: owners,
    shards,
    env: { GATEWAY_WORKERS: String(gateways) },
  })
  try {
    const cast = createCasting(system, options.connections)
    const warmUp = await cast(options.warmUpSeconds)
    const { p50Ms: _, acknowledged: measured, ...figures } = await cast(options.seconds)
    const acknowledged = warmUp.acknowledged + measured
    const counted = await countedOnce(() => votesOnBoard(system), acknowledged)
    const faults = warmUp.faults + figures.faults
    return { shape, ...figures, faults, acknowledged, counted, inexact: counted === acknowledged ? 0 : 1 }
  } finally {
    await system.stop()
  }
}

/** Closed-loop votes, each of a voter who has not voted yet. */
const createCasting = (system: SmallSystem, connections: number) => {
  const [event] = system.events
  const [gateway] = system.gateways
  if (!event || !gateway) throw new Error('the system has no event')
  const { id: eventId, contestantIds } = event
  let voted = 0
  return async (seconds: number) =>
    measureClosedVotes({
      port: gateway.port,
      processes: await system.processes(),
      requests(count) {
        const voters = Array.from({ length: count }, (_, index) => system.voter(voted + index + 1))
        voted += count
        return voteRequests({ host: 'bench', eventId, contestantIds, voters, graphqlShare: 0, pace: null })
      },
      perSecondMax: PER_SECOND_MAX,
      connections,
      seconds,
      timeoutMs: TIMEOUT_MS,
    })
}

const medianOf = (samples: readonly ScaleFigures[]): ScaleFigures => {
  const [first] = samples
  if (!first) throw new Error('nothing was measured')
  const of = (value: (sample: ScaleFigures) => number): number => median(samples.map(value))
  const all = (value: (sample: ScaleFigures) => number): number =>
    samples.reduce((sum, sample) => sum + value(sample), 0)
  const kinds = Object.keys(first.byProcess)
  return {
    shape: first.shape,
    perSecond: of(({ perSecond }) => perSecond),
    cpuMicroseconds: of(({ cpuMicroseconds }) => cpuMicroseconds),
    byProcess: Object.fromEntries(kinds.map((kind) => [kind, of(({ byProcess }) => byProcess[kind] ?? 0)])),
    p99Ms: of(({ p99Ms }) => p99Ms),
    faults: all(({ faults }) => faults),
    acknowledged: all(({ acknowledged }) => acknowledged),
    counted: all(({ counted }) => counted),
    inexact: all(({ inexact }) => inexact),
  }
}
