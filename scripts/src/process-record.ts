import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'

/** A process, told apart from every other that ever has or will have its number. */
const identitySchema = z.object({ name: z.string(), pid: z.number().int().positive(), startedAt: z.string() })
const recordSchema = z.object({ supervisor: identitySchema, children: z.array(identitySchema) })

export type ProcessIdentity = z.infer<typeof identitySchema>
export type ProcessRecord = z.infer<typeof recordSchema>

/**
 * `processes.json` in the data folder names what a start runs, so that the next start can end what a killed
 * one left behind. It is rewritten at every change. If the supervisor dies between a spawn and the rewrite,
 * that child is not in it: its port is then found taken, and a person is told.
 */
export function createProcessRecord(dataDir: string) {
  const file = join(dataDir, 'processes.json')
  const supervisor = identify('npm start', process.pid)
  return {
    write(children: readonly { readonly name: string; readonly pid: number }[]) {
      if (supervisor === undefined) return
      const identities = children.flatMap(({ name, pid }) => identify(name, pid) ?? [])
      const record: ProcessRecord = { supervisor, children: identities }
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(`${file}.new`, JSON.stringify(record))
      renameSync(`${file}.new`, file)
    },
    remove() {
      rmSync(file, { force: true })
    },
  }
}

export function readProcessRecord(dataDir: string): ProcessRecord | undefined {
  try {
    return recordSchema.parse(JSON.parse(readFileSync(join(dataDir, 'processes.json'), 'utf8')))
  } catch {
    // None, or one that a power cut damaged: after that nothing of it runs any more.
    return undefined
  }
}

/** Whether exactly this process still runs; a later one with the same number does not count. */
export function isRunning(identity: ProcessIdentity): boolean {
  return startOf(identity.pid) === identity.startedAt
}

/**
 * Ends what a start that is no longer there left running, last started first, and waits until it is gone.
 * Each one leads a process group, so what it started itself goes with it.
 */
export async function endLeftovers(record: ProcessRecord, onEnd: (identity: ProcessIdentity) => void) {
  for (const identity of [...record.children].reverse()) {
    if (!isRunning(identity)) continue
    onEnd(identity)
    signal(identity.pid, 'SIGTERM')
    for (let waitedMs = 0; isRunning(identity); waitedMs += 50) {
      if (waitedMs >= leftoverStopMs) signal(-identity.pid, 'SIGKILL')
      if (waitedMs >= leftoverGoneMs)
        throw new Error(`Process ${identity.pid} (${identity.name}) cannot be ended.`)
      await sleep(50)
    }
    signal(-identity.pid, 'SIGKILL')
  }
}

const leftoverStopMs = 4_000
const leftoverGoneMs = 15_000

function identify(name: string, pid: number): ProcessIdentity | undefined {
  const startedAt = startOf(pid)
  return startedAt === undefined ? undefined : { name, pid, startedAt }
}

/** When a process started, as text to compare; undefined when there is none (or only its remains). */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (fields[0] === 'Z') return undefined
    // Ticks since the machine came up, and which coming up that was.
    return `${fields[19]} ${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}`
  } catch {
    return process.platform === 'linux' ? undefined : startFromPs(pid)
  }
}

function startFromPs(pid: number): string | undefined {
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined
  } catch {
    return undefined
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It is gone already.
  }
}
