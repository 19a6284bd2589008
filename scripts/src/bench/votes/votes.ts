import { countedOnce } from '../board-votes.js'
import { type ClosedFigures, measureClosedVotes } from '../closed-votes.js'
import { median } from '../median.js'
import type { Say } from '../part.js'
import { type Contender, SHARDS, startContenders } from './contenders.js'

export interface VotesOptions {
  readonly connections: readonly number[]
  readonly rounds: number
  readonly seconds: number
  /** Of each contender, before anything is measured. */
  readonly warmUpSeconds: number
  /** Names of contenders, and no others; empty: all. */
  readonly only: readonly string[]
  /** A folder for what Votestream's services did with their processor time; being watched costs some of it. */
  readonly profileFolder?: string | undefined
  /** See ContendersOptions. */
  readonly traces?: number | undefined
  readonly say: Say
}

/** Medians over the rounds. */
export interface VotesFigures extends ClosedFigures {
  readonly contender: string
  readonly connections: number
}

export interface VotesOutcome {
  readonly figures: readonly VotesFigures[]
  /** Of Votestream, with one process of its gateway. */
  readonly shards: number
  /** Acknowledged by Votestream, and on its board at the end. */
  readonly acknowledged: number
  readonly counted: number
}

/**
 * One contender after the other in each round, so that what else this machine does falls on all alike; every second round
 * from the last to the first, so that none profits from what stands before it.
 */
export const measureVotes = async (options: VotesOptions): Promise<VotesOutcome> => {
  const { connections, rounds, warmUpSeconds, say } = options
  const { only, profileFolder: profiles, traces } = options
  const contenders = await startContenders({ only, profiles, traces })
  const samples = new Map<string, VotesFigures[]>()
  let acknowledged = 0
  const measure = async (contender: Contender, count: number, seconds: number): Promise<VotesFigures> => {
    const { figures, acknowledged: now } = await measureOne(contender, count, seconds)
    if (contender.name.startsWith('Votestream')) acknowledged += now
    return figures
  }
  try {
    const most = Math.max(...connections)
    for (const contender of contenders.list) await measure(contender, most, warmUpSeconds)
    for (const count of connections) {
      for (let round = 1; round <= rounds; round += 1) {
        const inOrder = round % 2 === 1 ? contenders.list : contenders.list.toReversed()
        for (const contender of inOrder) {
          const sample = await measure(contender, count, options.seconds)
          const key = `${contender.name} ${count}`
          samples.set(key, [...(samples.get(key) ?? []), sample])
          const { perSecond, cpuMicroseconds: cpu } = sample
          say(
            `${count} connections, round ${round}: ${contender.name} ${perSecond.toFixed(0)}/s, ${cpu.toFixed(1)} µs`,
          )
        }
      }
    }
    const counted = await countedOnce(contenders.counted, acknowledged)
    return { figures: [...samples.values()].map(medianOf), shards: SHARDS, acknowledged, counted }
  } finally {
    await contenders.stop()
  }
}

const TIMEOUT_MS = 20_000

const measureOne = async (
  { name, port, processes, requests, perSecondMax }: Contender,
  connections: number,
  seconds: number,
): Promise<{ figures: VotesFigures; acknowledged: number }> => {
  const closed = { port, processes, requests, perSecondMax, connections, seconds, timeoutMs: TIMEOUT_MS }
  const { acknowledged, ...figures } = await measureClosedVotes(closed)
  return { figures: { contender: name, connections, ...figures }, acknowledged }
}

const medianOf = (samples: readonly VotesFigures[]): VotesFigures => {
  const [first] = samples
  if (!first) throw new Error('nothing was measured')
  const of = (value: (sample: VotesFigures) => number): number => median(samples.map(value))
  const kinds = Object.keys(first.byProcess)
  return {
    contender: first.contender,
    connections: first.connections,
    perSecond: of(({ perSecond }) => perSecond),
    cpuMicroseconds: of(({ cpuMicroseconds }) => cpuMicroseconds),
    byProcess: Object.fromEntries(kinds.map((kind) => [kind, of(({ byProcess }) => byProcess[kind] ?? 0)])),
    requestBytes: of(({ requestBytes }) => requestBytes),
    p50Ms: of(({ p50Ms }) => p50Ms),
    p99Ms: of(({ p99Ms }) => p99Ms),
    faults: samples.reduce((sum, { faults }) => sum + faults, 0),
  }
}
