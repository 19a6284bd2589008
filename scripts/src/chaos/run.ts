import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { createTokens } from '@votestream/gateway/tokens'
import { createLogger } from '@votestream/infra/logging'
import { connectNats } from '@votestream/infra/nats'
import { describeExit } from '@votestream/infra/servers/server-process'
import { createOpaqueIds } from '@votestream/schema/opaque-ids'
import { ADMIN_SCOPES, USER_SCOPES } from '@votestream/schema/scopes'
import { createClient } from '../demo/client.js'
import type { SupervisorEvent } from '../supervisor.js'
import { breakThings } from './breaking.js'
import type { Violation } from './judgement.js'
import { openLedger } from './ledger.js'
import { type Load, startLoad } from './load.js'
import { type Operator, startOperator } from './operator.js'
import { type ChaosSystem, INSTANCES, startChaosSystem } from './processes.js'
import { type Proof, prove } from './proof.js'
import { createChance } from './random.js'
import { judgeRecoveries, recoveriesOf, shownVotes } from './recovery.js'
import { type FaultRow, resultsOf } from './results.js'
import { createSchedule, type FaultName, PROXIED, type Schedule } from './schedule.js'
import { acknowledgedLevel, judgeLevel, type Level, shownLevel } from './service-levels.js'
import { startViewer, type Viewer } from './viewer.js'
import { createVotedEvents } from './voted-events.js'
import { createVoters, type Voters } from './voters.js'

export interface ChaosRunOptions {
  readonly folder: string
  readonly seed: number
  /** How long faults come; or, if given, how many. */
  readonly durationMs: number
  readonly count?: number | undefined
  readonly faults: readonly FaultName[]
  readonly rate: number
  readonly pace?: number
  readonly say: (line: string) => void
  /** Aborted when a person wants it to end: the schedule is cut short, the rest is done. */
  readonly signal: AbortSignal
}

export interface ChaosResult {
  readonly seed: number
  readonly ledgerFile: string
  readonly rows: readonly FaultRow[]
  readonly acknowledged: Level
  readonly shown: Level
  readonly violations: readonly Violation[]
  /** Answers that ended an attempt, by status. */
  readonly answers: Readonly<Record<string, number>>
  readonly boards: number
  readonly notSent: number
  /** Processes that died without our doing: they came back, and a person may want to know why. */
  readonly deaths: readonly string[]
  /** Faults that cannot be done here, and why. */
  readonly leftOut: readonly string[]
}

/** For what was under way when the last fault ended. */
const ANSWER_WAIT_MS = 60_000
const READY_WAIT_MS = 60_000
const CLIENT_PATIENCE_MS = 60_000
const LOOK_EVERY_MS = 100
const VOTERS_AHEAD_SECONDS = 25
const TOKEN_TTL_SECONDS = 86_400

/** The whole of it: start, load, break, heal, prove. Nothing is left running when it settles. */
export const runChaos = async (options: ChaosRunOptions): Promise<ChaosResult> => {
  const { folder, say } = options
  const deaths: string[] = []
  const log = createWriteStream(join(folder, 'chaos.log'))
  const note = (line: string) => void log.write(`${new Date().toISOString()} ${line}\n`)
  const system = await startChaosSystem(folder, (event) => noteEvent(event, note, deaths))
  try {
    const withoutDisk = PROXIED.filter((server) => !system.disks[server])
    const leftOut = withoutDisk.map((server) => `full-${server} (mounting is not permitted)`)
    const faults = options.faults.filter((name) => !withoutDisk.some((server) => name === `full-${server}`))
    const schedule = createSchedule({ ...options, faults, instances: INSTANCES })
    say(`${schedule.faults.length} faults are planned.`)
    return { ...(await breakAndProve({ ...options, system, schedule, note })), deaths, leftOut }
  } finally {
    await system.stop()
    log.end()
  }
}

const noteEvent = (event: SupervisorEvent, note: (line: string) => void, deaths: string[]): void => {
  const exit = 'exit' in event ? ` (${describeExit(event.exit)})` : ''
  note(`${event.name} ${event.kind}${exit}${'reason' in event ? ` ${event.reason}` : ''}`)
  // Only our faults kill: whoever ended otherwise did so by itself.
  if (event.kind === 'died' && event.exit.signal !== 'SIGKILL') deaths.push(`${event.name}${exit}`)
}

interface Context extends ChaosRunOptions {
  readonly system: ChaosSystem
  readonly schedule: Schedule
  readonly note: (line: string) => void
}

const breakAndProve = async (context: Context): Promise<Omit<ChaosResult, 'deaths' | 'leftOut'>> => {
  const { system, schedule, seed, rate, folder } = context
  const { environment, secrets, gatewayUrls } = system
  const logger = createLogger('chaos', 'silent')
  const nats = await connectNats({ ...system.direct.nats, name: 'chaos', logger })
  const ids = createOpaqueIds(secrets.idSecret)
  const ledgerFile = join(folder, 'ledger.jsonl')
  const ledger = openLedger(ledgerFile)
  let voters: Voters | undefined
  let viewer: Viewer | undefined
  let load: Load | undefined
  let operator: Operator | undefined
  try {
    const ahead = rate * VOTERS_AHEAD_SECONDS
    voters = await createVoters({ nats, ids, jwtSecret: secrets.jwtSecret, ahead })
    const host = voters.take()
    if (!host) throw new Error('there are no voters')
    const client = createClient(gatewayUrls[0] ?? '', CLIENT_PATIENCE_MS)
    const closings = schedule.faults.filter(({ name }) => name === 'close-event').length
    const runMs = schedule.faults.reduce((sum, { waitMs, lastsMs }) => sum + waitMs + lastsMs, 0)
    const events = await createVotedEvents({ client, ids, host, count: closings + 2, runMs })
    const [main, besides] = events
    if (!main || !besides) throw new Error('there are no events')
    const watcher = createTokens({ secret: secrets.jwtSecret, ids, ttlSeconds: TOKEN_TTL_SECONDS })
    viewer = startViewer(gatewayUrls, main, watcher.issue({ scopes: USER_SCOPES }))
    // Chance of its own: however many votes are cast, the schedule stays as its seed says.
    const chance = createChance(seed + 1)
    operator = startOperator({
      gatewayUrls,
      token: watcher.issue({ scopes: ADMIN_SCOPES }),
      ledger,
      chance: createChance(seed + 2),
    })
    const onAcknowledged = operator.offer
    load = startLoad({ gatewayUrls, main, besides, voters, ids, ledger, chance, rate, onAcknowledged })
    const broken = await breakThings({ ...context, client, host, ledger, load, events: events.slice(1) })
    await Promise.all([load.finish(ANSWER_WAIT_MS), operator.finish()])
    const notReady = await untilReady(system)
    const proof = await prove({ system, nats, ledgerFile, viewer, main })
    const boards = viewer.boards
    const shown = shownVotes(proof.attempts, boards, main.number)
    const judged = judgeLevels({ ...broken, shown, proof, shards: environment.SHARDS })
    const violations = [...notReady, ...proof.violations, ...judged.violations]
    return {
      seed,
      ledgerFile,
      rows: resultsOf({ ...judged, attempts: proof.attempts, violations }),
      acknowledged: judged.acknowledged,
      shown: judged.shown,
      violations,
      answers: proof.answers,
      boards: boards.length,
      notSent: load.counts().notSent,
    }
  } finally {
    // Where something was thrown, votes are still under way, and every answer goes into the ledger.
    await Promise.all([load?.finish(0), operator?.finish(), viewer?.stop()])
    // The refill may wait for the broker: without a connection it ends.
    const ending = voters?.stop()
    await nats.close()
    await ending
    ledger.close()
  }
}

type Broken = Awaited<ReturnType<typeof breakThings>>

interface ToJudge extends Broken {
  readonly shown: ReturnType<typeof shownVotes>
  readonly proof: Proof
  readonly shards: number
}

const judgeLevels = ({ done, quiet, shown, proof: { attempts }, shards }: ToJudge) => {
  const recoveries = recoveriesOf({ done, attempts, shown, shards })
  const samples = { recoveries, attempts, shown, quiet }
  const acknowledged = acknowledgedLevel(samples)
  const boards = shownLevel(samples)
  const violations = [
    ...judgeRecoveries(recoveries),
    ...judgeLevel('acknowledged', acknowledged),
    ...judgeLevel('shown', boards),
  ]
  return { recoveries, acknowledged, shown: boards, violations }
}

const untilReady = async (system: ChaosSystem): Promise<Violation[]> => {
  const untilMs = performance.now() + READY_WAIT_MS
  for (;;) {
    const names = await system.notReady()
    if (names.length === 0) return []
    if (performance.now() > untilMs) {
      const detail = names.join(', ')
      return [{ column: 'stuck', what: 'a process did not come back', atMs: undefined, detail }]
    }
    await pause(LOOK_EVERY_MS)
  }
}
