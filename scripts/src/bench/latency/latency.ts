import type { Latencies } from '../../load/latencies.js'
import { requestsOf } from '../../load/schedule.js'
import { startViewers } from '../../load/viewers.js'
import { runVoteLoad, type VoteLoadOutcome } from '../../load/vote-load.js'
import { voteRequests } from '../../load/vote-requests.js'
import type { Voter } from '../../load/voters.js'
import { measureClosedVotes } from '../closed-votes.js'
import { CONTESTANTS } from '../fanout/shown-board.js'
import type { Say } from '../part.js'
import { type SmallSystem, startSmallSystem } from '../small-system.js'
import { figuresBetween, type Look, type LookFigures, lookAt } from './looks.js'
import { distributionOf, type Metrics, percentileOf } from './service-metrics.js'

export interface LatencyOptions {
  /** Of the capacity, one load for each. */
  readonly percent: readonly number[]
  /** Votes a second that the shares are of; 0: measured first. */
  readonly capacity: number
  readonly viewers: number
  /** Of each load at its full rate. */
  readonly seconds: number
  /** Percent of the votes that go over GraphQL. */
  readonly graphql: number
  readonly warmUpSeconds: number
  readonly say: Say
}

/** Milliseconds; NaN where nothing was measured. */
export interface Quantiles {
  /** Of whatever the stage counts: votes, messages, boards. */
  readonly count: number
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
}

/** Each stage by its name in the tables; what it is measured from and to stands with them. */
export type StageName =
  | 'ingest'
  | 'processing'
  | 'fan-out, first viewer'
  | 'fan-out, middle viewer'
  | 'fan-out, last viewer'
  | 'board age at viewers'
  | 'end to end'

export interface LoadFigures {
  readonly percent: number
  readonly perSecond: number
  readonly stages: Readonly<Record<StageName, Quantiles>>
  readonly services: Omit<LookFigures, 'metrics'>
  readonly intended: number
  readonly acknowledged: number
  readonly counted: number
  /** Acknowledged votes that a viewer who was asked never saw, and boards that were older than the one before. */
  readonly unseen: number
  readonly backwards: number
  /** Why the run says nothing of the system; empty: it does. */
  readonly generatorFaults: readonly string[]
}

export interface LatencyFigures {
  /** Votes a second, closed loop over REST, while the viewers watch. */
  readonly capacity: number
  readonly loads: readonly LoadFigures[]
}

/**
 * The whole system under steady loads, each a share of what it can take. Everything runs on this machine, load and
 * viewers too: what they take of it, the system does not have.
 */
export const measureLatency = async (options: LatencyOptions): Promise<LatencyFigures> => {
  const { percent, say } = options
  const system = await startSmallSystem({ contestants: CONTESTANTS, votes: true, archive: true })
  try {
    const voters = createVoters(system)
    const capacity = options.capacity || (await measureCapacity(system, voters, options))
    say(`capacity: ${capacity.toFixed(0)} votes/s`)
    const loads: LoadFigures[] = []
    for (const share of percent) {
      const load = await measureLoad(system, voters, { ...options, share, capacity })
      loads.push(load)
      const { 'end to end': endToEnd, ingest } = load.stages
      say(
        `${share} %: ingest p99 ${ingest.p99Ms.toFixed(1)} ms, end to end p99 ${endToEnd.p99Ms.toFixed(1)} ms`,
      )
    }
    return { capacity, loads }
  } finally {
    await system.stop()
  }
}

type TakeVoters = (count: number) => Voter[]

/** Nobody votes twice, in whatever event: a token that was seen before would be verified for less. */
const createVoters = (system: SmallSystem): TakeVoters => {
  let used = 0
  return (count) =>
    Array.from({ length: count }, () => {
      used += 1
      return system.voter(used)
    })
}

const CAPACITY_CONNECTIONS = 256
const CAPACITY_SECONDS = 5
const CAPACITY_PER_SECOND_MAX = 25_000
const TIMEOUT_MS = 20_000

/** @returns votes a second. @throws Error when one is not acknowledged */
const measureCapacity = async (
  system: SmallSystem,
  takeVoters: TakeVoters,
  { warmUpSeconds, viewers: count }: LatencyOptions,
): Promise<number> => {
  const [event] = system.events
  if (!event) throw new Error('the system has no event')
  const { id: eventId, contestantIds } = event
  const run = async (seconds: number) =>
    measureClosedVotes({
      port: portOf(system),
      processes: await system.processes(),
      requests: (requests) =>
        voteRequests({
          host: 'bench',
          eventId,
          contestantIds,
          voters: takeVoters(requests),
          graphqlShare: 0,
          pace: null,
        }),
      perSecondMax: CAPACITY_PER_SECOND_MAX,
      connections: CAPACITY_CONNECTIONS,
      seconds,
      timeoutMs: TIMEOUT_MS,
    })
  const url = `ws://127.0.0.1:${portOf(system)}/graphql`
  const tokens = takeVoters(count).map(({ token }) => token)
  const viewers = count > 0 ? await startViewers({ url, eventId, contestantIds, count, tokens }) : undefined
  try {
    await run(warmUpSeconds)
    const { perSecond, faults } = await run(CAPACITY_SECONDS)
    if (faults > 0) throw new Error(`${faults} votes were not acknowledged while the capacity was measured`)
    return perSecond
  } finally {
    await viewers?.stop()
  }
}

const RAMP_SECONDS = 2
/** Connections that so many votes a second need for answers of 500 ms. */
const BUSY_SECONDS = 0.5
const CONNECTIONS_MAX = 1_024
/** Of the generator, which shares this machine with everything else. */
const LATENESS_P99_MS = 10

const measureLoad = async (
  system: SmallSystem,
  takeVoters: TakeVoters,
  options: LatencyOptions & { readonly share: number },
): Promise<LoadFigures> => {
  const { share, capacity, viewers, seconds, graphql } = options
  const perSecond = Math.max(1, Math.round((capacity * share) / 100))
  const pace = { mode: 'open', perSecond, rampSeconds: RAMP_SECONDS, seconds } as const
  const processes = await system.processes()
  const looks: Promise<Look>[] = []
  const look = (): void => {
    const looking = lookAt(processes)
    // Waited for when the load is over.
    looking.catch(() => undefined)
    looks.push(looking)
  }
  const outcome = await runVoteLoad({
    url: `http://127.0.0.1:${portOf(system)}`,
    pace,
    processes: 1,
    connections: Math.min(CONNECTIONS_MAX, Math.max(8, Math.ceil(perSecond * BUSY_SECONDS))),
    timeoutMs: TIMEOUT_MS,
    voters: takeVoters(requestsOf(pace)),
    graphqlShare: graphql / 100,
    viewers,
    eventId: undefined,
    creatorToken: undefined,
    levels: [],
    errorsMax: undefined,
    bounds: { latenessP99Ms: LATENESS_P99_MS },
    // A second is told half a second after it: what is looked at is the full rate, and its end until it has settled.
    onSecond({ second }) {
      if (second + 1 === RAMP_SECONDS || second + 1 === RAMP_SECONDS + seconds) look()
    },
  })
  const [from, to] = await Promise.all(looks)
  if (!from || !to) throw new Error('the load was over before its services were looked at')
  const { metrics, ...services } = figuresBetween(from, to)
  return { percent: share, perSecond, services, stages: stagesOf(outcome, metrics), ...countsOf(outcome) }
}

const countsOf = ({ load, seen, counted, generatorFaults }: VoteLoadOutcome) => ({
  intended: load.intended,
  acknowledged: load.acknowledged,
  counted,
  unseen: seen?.unseen ?? 0,
  backwards: seen?.backwards ?? 0,
  generatorFaults,
})

const stagesOf = ({ load, seen }: VoteLoadOutcome, metrics: Metrics): LoadFigures['stages'] => {
  const fanout = (viewer: string) => told(metrics, 'votestream_fanout_seconds', `viewer="${viewer}"`)
  return {
    ingest: measured(load.all.latency),
    processing: told(metrics, 'votestream_processing_seconds'),
    'fan-out, first viewer': fanout('first'),
    'fan-out, middle viewer': fanout('middle'),
    'fan-out, last viewer': fanout('last'),
    'board age at viewers': measured(seen?.boardAges),
    'end to end': measured(seen?.endToEnd),
  }
}

const measured = (latencies: Latencies | undefined): Quantiles =>
  quantiles(latencies?.count ?? 0, (percent) => latencies?.atMs(percent) ?? Number.NaN)

/** From a histogram in seconds. */
const told = (metrics: Metrics, name: string, label?: string): Quantiles => {
  const distribution = distributionOf(metrics, name, label)
  return quantiles(distribution.count, (percent) => percentileOf(distribution, percent) * 1_000)
}

const quantiles = (count: number, atMs: (percent: number) => number): Quantiles => ({
  count,
  p50Ms: atMs(50),
  p95Ms: atMs(95),
  p99Ms: atMs(99),
  p999Ms: atMs(99.9),
})

const portOf = ({ gateways: [gateway] }: SmallSystem): number => {
  if (!gateway) throw new Error('the system has no gateway')
  return gateway.port
}
