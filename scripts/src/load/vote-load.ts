import { setTimeout as pause } from 'node:timers/promises'
import { monotonicMs } from './clock.js'
import { type EndToEnd, measureEndToEnd } from './end-to-end.js'
import { openPollingStation, type PollingStation } from './polling-station.js'
import { type LoadResult, prepareLoad } from './run-load.js'
import { type OpenPace, requestsOf, spanMs } from './schedule.js'
import type { SecondFigures } from './seconds.js'
import { targetOf } from './target.js'
import {
  exitStatus,
  type GeneratorBounds,
  generatorFaults,
  type JudgedLevel,
  judgeCount,
  judgeErrors,
  judgeLevels,
  type Level,
} from './verdict.js'
import { type Seen, startViewers, type Viewers } from './viewers.js'
import { voteRequests } from './vote-requests.js'
import type { Voter } from './voters.js'

export interface VoteLoadOptions {
  /** Of the gateway, or what stands before it: `http://127.0.0.1:4000`. */
  readonly url: string
  readonly pace: OpenPace
  readonly processes: number
  /** Of each process. */
  readonly connections: number
  readonly timeoutMs: number
  /** At least as many as the pace has requests; each votes once. */
  readonly voters: readonly Voter[]
  /** From 0 to 1. */
  readonly graphqlShare: number
  readonly viewers: number
  /** Without one an event is made. */
  readonly eventId: string | undefined
  /** Of somebody who may make events; without it, the first voter does. */
  readonly creatorToken: string | undefined
  readonly levels: readonly Level[]
  readonly errorsMax: number | undefined
  readonly bounds: GeneratorBounds
  readonly onSecond?: (second: SecondFigures) => void
  readonly say?: (text: string) => void
}

export interface VoteLoadOutcome {
  readonly eventId: string
  readonly load: LoadResult
  /** Null without viewers. */
  readonly seen: (Seen & EndToEnd) | null
  /** Votes that came onto the board during the run. */
  readonly counted: number
  readonly countFault: string | null
  readonly levels: readonly JudgedLevel[]
  /** Why the run does not count; empty: it does. */
  readonly generatorFaults: readonly string[]
  readonly status: 0 | 1 | 3
}

/** Votes at a steady rate, and viewers who watch them come onto the board. @throws Error when it cannot be run. */
export const runVoteLoad = async (options: VoteLoadOptions): Promise<VoteLoadOutcome> => {
  const { url, pace, voters, say = () => undefined } = options
  const [first] = voters
  const needed = requestsOf(pace)
  if (!first || voters.length < needed) {
    throw new Error(`${needed} votes need as many voters, and there are ${voters.length}`)
  }
  const creatorToken = options.creatorToken ?? first.token
  const station = await openPollingStation({ url, eventId: options.eventId, creatorToken, voter: first })
  say(`Event ${station.event.id}: ${needed} votes are prepared.`)
  const before = await station.votes()
  const load = await prepareLoad({
    ...options,
    target: targetOf(url),
    requests: voteRequests({
      host: new URL(url).host,
      eventId: station.event.id,
      contestantIds: station.event.contestantIds,
      voters,
      graphqlShare: options.graphqlShare,
      pace,
    }),
  })
  let viewers: Viewers | undefined
  try {
    if (options.viewers > 0) viewers = await watch(options, station)
    say('The load begins.')
    const startMs = monotonicMs() + START_IN_MS
    // When the rate is full and everybody has what was sent: the ages of boards count from then on.
    const fullMs = startMs + 1_000 * pace.rampSeconds
    await viewers?.measure(fullMs, startMs + spanMs(pace))
    const result = await load.run(startMs)
    const counted = (await station.votesOnce(before + result.acknowledged)) - before
    const seen = viewers ? await lookBack(viewers, result, pace, before) : null
    return { eventId: station.event.id, ...judge(options, result, seen, counted) }
  } finally {
    await Promise.all([load.stop(), viewers?.stop()])
  }
}

/** Every process has heard of the start by then. */
const START_IN_MS = 300
/** How long the last votes may take to the viewers. */
const SEEN_WITHIN_MS = 5_000

const watch = (options: VoteLoadOptions, { event }: PollingStation): Promise<Viewers> =>
  startViewers({
    url: `${options.url.replace(/^http/, 'ws')}/graphql`,
    eventId: event.id,
    contestantIds: event.contestantIds,
    count: options.viewers,
    tokens: options.voters.slice(0, options.viewers).map(({ token }) => token),
  })

const lookBack = async (
  viewers: Viewers,
  load: LoadResult,
  pace: OpenPace,
  before: number,
): Promise<Seen & EndToEnd> => {
  const untilMs = monotonicMs() + SEEN_WITHIN_MS
  while ((await viewers.votesSeen()) < before + load.acknowledged && monotonicMs() < untilMs) await pause(50)
  const endMs = monotonicMs() - load.startMs
  const seen = await viewers.tell()
  const sightings = seen.sightings.map((each) => ({
    ...each,
    atMs: each.atMs.map((ms) => ms - load.startMs),
  }))
  const { acknowledgedMs } = load
  const measured = measureEndToEnd({
    pace,
    acknowledgedMs,
    before: viewers.before,
    viewers: sightings,
    untilMs: endMs,
  })
  return { ...seen, ...measured }
}

const judge = (
  options: VoteLoadOptions,
  load: LoadResult,
  seen: (Seen & EndToEnd) | null,
  counted: number,
): Omit<VoteLoadOutcome, 'eventId'> => {
  const stages = {
    ingest: load.all.latency,
    'end-to-end': seen?.endToEnd ?? null,
    'fan-out': seen?.boardAges ?? null,
  }
  const errors = load.intended - load.acknowledged
  const levels = [
    ...judgeLevels(options.levels, stages),
    ...(options.errorsMax === undefined ? [] : [judgeErrors(errors, options.errorsMax)]),
  ]
  const unanswered = load.outcomes.reduce(
    (sum, { is, count }) => (is === 'unanswered' ? sum + count : sum),
    0,
  )
  const faults = generatorFaults(load, options.bounds)
  const countFault = judgeCount(counted, load.acknowledged, unanswered)
  const status = exitStatus(faults, levels, countFault)
  return { load, seen, counted, countFault, levels, generatorFaults: faults, status }
}
