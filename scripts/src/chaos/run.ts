import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { createTokens } from '@votestream/gateway/tokens'
import { createLogger } from '@votestream/infra/logging'
import { connectNats, type Nats } from '@votestream/infra/nats'
import { describeExit } from '@votestream/infra/servers/server-process'
import { createOpaqueIds, type OpaqueIds } from '@votestream/schema/opaque-ids'
import { USER_SCOPES } from '@votestream/schema/scopes'
import { type Client, createClient } from '../demo/client.js'
import type { SupervisorEvent } from '../supervisor.js'
import { isExact, judgeBoards } from './board-history.js'
import { doFault, heal } from './faults.js'
import { judge, type Violation } from './judgement.js'
import { attemptsOf, type Ledger, openLedger, readLedger } from './ledger.js'
import { type Load, startLoad, type VotedEvent } from './load.js'
import { type ChaosSystem, INSTANCES, startChaosSystem } from './processes.js'
import { countedOf, judgeBooks, readLogContents } from './proof.js'
import { createChance } from './random.js'
import { type DoneFault, type FaultRow, resultsOf } from './results.js'
import { createSchedule, type FaultName, type Schedule } from './schedule.js'
import { startViewer, type Viewer } from './viewer.js'
import { createVoters, type Voter, type Voters } from './voters.js'

export interface ChaosRunOptions {
  readonly folder: string
  readonly seed: number
  readonly durationMs: number
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
  readonly violations: readonly Violation[]
  /** Answers that ended an attempt, by status. */
  readonly answers: Readonly<Record<string, number>>
  readonly boards: number
  readonly notSent: number
  /** Processes that died without our doing: they came back, and a person may want to know why. */
  readonly deaths: readonly string[]
}

/** For what was under way when the last fault ended. */
const ANSWER_WAIT_MS = 60_000
const READY_WAIT_MS = 60_000
const LAST_BOARD_WAIT_MS = 20_000
const CLIENT_PATIENCE_MS = 60_000
const LOOK_EVERY_MS = 100
const CONTESTANTS = 5
/** Quiet at the beginning: what is normal on this machine. */
const WARM_UP_MS = 3_000
const TAIL_MS = 4_000
const VOTERS_AHEAD_SECONDS = 25

/** The whole of it: start, load, break, heal, prove. Nothing is left running when it settles. */
export const runChaos = async (options: ChaosRunOptions): Promise<ChaosResult> => {
  const { folder, say } = options
  const schedule = createSchedule({ ...options, instances: INSTANCES })
  const deaths: string[] = []
  const log = createWriteStream(join(folder, 'chaos.log'))
  const note = (line: string) => void log.write(`${new Date().toISOString()} ${line}\n`)
  const system = await startChaosSystem(folder, (event) => noteEvent(event, note, deaths))
  try {
    say(`${schedule.faults.length} faults are planned.`)
    return await breakAndProve({ ...options, system, schedule, deaths, note })
  } finally {
    await system.stop()
    log.end()
  }
}

interface Context extends ChaosRunOptions {
  readonly system: ChaosSystem
  readonly schedule: Schedule
  readonly deaths: string[]
  readonly note: (line: string) => void
}

const noteEvent = (event: SupervisorEvent, note: (line: string) => void, deaths: string[]): void => {
  const exit = 'exit' in event ? ` (${describeExit(event.exit)})` : ''
  note(`${event.name} ${event.kind}${exit}`)
  // Only our faults kill: whoever ended otherwise did so by itself.
  if (event.kind === 'died' && event.exit.signal !== 'SIGKILL') deaths.push(`${event.name}${exit}`)
}

const breakAndProve = async (context: Context): Promise<ChaosResult> => {
  const { system, schedule, seed, rate, folder } = context
  const { environment, secrets, gatewayUrls } = system
  const logger = createLogger('chaos', 'silent')
  const nats = await connectNats({ url: system.direct.natsUrl, name: 'chaos', logger })
  const ids = createOpaqueIds(secrets.idSecret)
  const ledgerFile = join(folder, 'ledger.jsonl')
  const ledger = openLedger(ledgerFile)
  let voters: Voters | undefined
  let viewer: Viewer | undefined
  try {
    const ahead = rate * VOTERS_AHEAD_SECONDS
    voters = await createVoters({ nats, ids, jwtSecret: secrets.jwtSecret, ahead })
    const host = voters.take()
    if (!host) throw new Error('there are no voters')
    const client = createClient(gatewayUrls[0] ?? '', CLIENT_PATIENCE_MS)
    const closings = schedule.faults.filter(({ name }) => name === 'close-event').length
    const [main, ...others] = await createEvents(client, ids, host, closings + 2)
    const [besides] = others
    if (!main || !besides) throw new Error('there are no events')
    const watcher = createTokens({ secret: secrets.jwtSecret, ids, ttlSeconds: 86_400 })
    viewer = startViewer(gatewayUrls, main, watcher.issue({ scopes: USER_SCOPES }))
    // Chance of its own: however many votes are cast, the schedule stays as its seed says.
    const chance = createChance(seed + 1)
    const load = startLoad({ gatewayUrls, main, besides, voters, ids, ledger, chance, rate })
    const done = await breakThings({ ...context, client, host, ledger, load, events: others })
    await load.finish(ANSWER_WAIT_MS)
    const violations = await untilReady(system)
    const proof = await prove(system, nats, ledgerFile, viewer, main)
    violations.push(...proof.violations)
    return {
      seed,
      ledgerFile,
      rows: resultsOf(done, proof.attempts, violations, environment.SHARDS),
      violations,
      answers: proof.answers,
      boards: viewer.boards.length,
      notSent: load.counts().notSent,
      deaths: context.deaths,
    }
  } finally {
    await viewer?.stop()
    // The refill may wait for the broker: without a connection it ends.
    const ending = voters?.stop()
    await nats.close()
    await ending
    ledger.close()
  }
}

const createEvents = async (
  client: Client,
  ids: OpaqueIds,
  host: Voter,
  count: number,
): Promise<VotedEvent[]> => {
  const events: VotedEvent[] = []
  for (let index = 0; index < count; index += 1) {
    const made = await client.call<{ event_id: string; contestants: { contestant_id: string }[] }>(
      'POST',
      '/v1/event/create',
      {
        token: host.token,
        body: {
          user_id: host.userId,
          event_name: `Chaos ${index}`,
          contestants: Array.from({ length: CONTESTANTS }, (_, place) => ({
            contestant_name: `Contestant ${place}`,
            contestant_description: 'Stands fast.',
            contestant_image_url: 'https://images.example.com/1.jpg',
          })),
        },
      },
    )
    const number = ids.parseEventId(made.event_id)
    if (number === undefined) throw new Error('the event has no number')
    const contestantIds = made.contestants.map(({ contestant_id }) => contestant_id)
    events.push({ id: made.event_id, number, contestantIds })
  }
  return events
}

interface Breaking extends Context {
  readonly client: Client
  readonly host: Voter
  readonly ledger: Ledger
  readonly load: Load
  /** One is voted in besides the main one until it is closed, then the next. */
  readonly events: readonly VotedEvent[]
}

const breakThings = async (breaking: Breaking): Promise<DoneFault[]> => {
  const { schedule, system, client, host, ledger, load, say, note, signal } = breaking
  const events = [...breaking.events]
  const closeEvent = async () => {
    const [closing, next] = events
    if (!closing || !next) return
    events.shift()
    ledger.write({ kind: 'closing', event: closing.number, atMs: Date.now() })
    await client
      .call('POST', `/v1/event/${closing.id}/close`, { token: host.token })
      .then(() => ledger.write({ kind: 'closed', event: closing.number, atMs: Date.now() }))
      // Not answered in all its patience: seen in the votes, which are then answered either way.
      .catch((error: unknown) => note(`closing: ${error}`))
    load.voteBesides(next)
  }
  const done: { name: string; atMs: number; untilMs: number }[] = []
  await pause(WARM_UP_MS)
  for (const [index, fault] of schedule.faults.entries()) {
    await pause(fault.waitMs)
    if (signal.aborted) break
    const last = done.at(-1)
    if (last) last.untilMs = Date.now()
    done.push({ name: fault.name, atMs: Date.now(), untilMs: Number.POSITIVE_INFINITY })
    const { sent, open } = load.counts()
    const line = `${index + 1}/${schedule.faults.length} ${fault.name} ${fault.targets.join(' ')} ${fault.lastsMs || ''}`
    say(`  ${line}  (${sent} votes, ${open} open)`)
    note(line)
    await doFault(fault, { system, closeEvent })
  }
  heal(system)
  note('healed')
  await pause(TAIL_MS)
  return done
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

const prove = async (
  system: ChaosSystem,
  nats: Nats,
  ledgerFile: string,
  viewer: Viewer,
  main: VotedEvent,
) => {
  const { SHARDS: shards } = system.environment
  const log = await readLogContents(nats, shards)
  const counted = countedOf(log, main.number)
  const untilMs = performance.now() + LAST_BOARD_WAIT_MS
  const isLast = () => {
    const last = viewer.boards.at(-1)
    return last !== undefined && isExact(last, counted)
  }
  while (!isLast() && performance.now() < untilMs) await pause(LOOK_EVERY_MS)
  // From the file, as whoever finds it after a crash would.
  const lines = readLedger(ledgerFile)
  const attempts = attemptsOf(lines)
  const answers: Record<string, number> = {}
  for (const { final } of attempts) {
    const status = String(final?.status ?? 'none')
    answers[status] = (answers[status] ?? 0) + 1
  }
  const violations = [...judge(lines, log), ...judgeBoards(viewer.boards, counted)]
  return { attempts, answers, violations: [...violations, ...(await judgeBooks(system))] }
}
