import { setTimeout as pause } from 'node:timers/promises'
import type { Client } from '../demo/client.js'
import { doFault, heal } from './faults.js'
import type { Ledger } from './ledger.js'
import type { Load, VotedEvent } from './load.js'
import type { ChaosSystem } from './processes.js'
import type { DoneFault } from './recovery.js'
import type { Schedule } from './schedule.js'
import type { Span } from './service-levels.js'
import type { Voter } from './voters.js'

export interface Breaking {
  readonly system: ChaosSystem
  readonly schedule: Schedule
  readonly client: Client
  readonly host: Voter
  readonly ledger: Ledger
  readonly load: Load
  /** One is voted in besides the main one until it is closed, then the next. */
  readonly events: readonly VotedEvent[]
  readonly say: (line: string) => void
  readonly note: (line: string) => void
  readonly signal: AbortSignal
}

export interface Broken {
  readonly done: readonly DoneFault[]
  /** When nothing was broken: before the first fault, and after the last one's recovery. */
  readonly quiet: readonly Span[]
}

/** New processes are slow at first: what is normal on this machine is seen after this, in the quiet that follows. */
const WARM_UP_MS = 4_000
const QUIET_MS = 4_000
/** After the last fault: for its recovery, and quiet again. */
const TAIL_MS = 6_000

/** Carries out the schedule, or as much of it as a person waits for, and heals everything. */
export const breakThings = async (breaking: Breaking): Promise<Broken> => {
  const { schedule, system, load, say, note, signal } = breaking
  const closeEvent = createCloser(breaking)
  const done: { -readonly [Key in keyof DoneFault]: DoneFault[Key] }[] = []
  await pause(WARM_UP_MS)
  const quietFromMs = Date.now()
  await pause(QUIET_MS)
  const quietUntilMs = Date.now()
  for (const [index, fault] of schedule.faults.entries()) {
    await pause(fault.waitMs)
    if (signal.aborted) break
    const atMs = Date.now()
    const last = done.at(-1)
    if (last) last.untilMs = atMs
    const { name, kills, targets, lastsMs, jumpMs } = fault
    const running = { name, kills, atMs, endedAtMs: atMs, untilMs: Number.POSITIVE_INFINITY }
    done.push(running)
    const { sent, open } = load.counts()
    const words = [
      `${index + 1}/${schedule.faults.length} ${name}`,
      ...targets,
      ...(jumpMs ? [`by ${jumpMs} ms`] : []),
      ...(lastsMs ? [`for ${lastsMs} ms`] : []),
      ...kills.map((kill) => `and kill ${kill}`),
    ]
    say(`  ${words.join(' ')}  (${sent} votes, ${open} open)`)
    note(words.join(' '))
    await doFault(fault, { system, closeEvent })
    running.endedAtMs = Date.now()
  }
  await heal(system)
  note('healed')
  const tailFromMs = Date.now()
  await pause(TAIL_MS)
  return {
    done,
    quiet: [
      [quietFromMs, quietUntilMs],
      [tailFromMs, Date.now()],
    ],
  }
}

/** Closes the event that is voted in besides the main one; the next one takes its place. */
const createCloser = ({ events, client, host, ledger, load, note }: Breaking) => {
  const left = [...events]
  return async (): Promise<void> => {
    const [closing, next] = left
    if (!closing || !next) return
    left.shift()
    ledger.write({ kind: 'closing', event: closing.number, atMs: Date.now() })
    await client
      .call('POST', `/v1/event/${closing.id}/close`, { token: host.token })
      .then(() => ledger.write({ kind: 'closed', event: closing.number, atMs: Date.now() }))
      // Not answered in all its patience: seen in the votes, which are then answered either way.
      .catch((error: unknown) => note(`closing: ${error}`))
    load.voteBesides(next)
  }
}
