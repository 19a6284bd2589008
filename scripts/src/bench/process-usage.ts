import { readFileSync } from 'node:fs'

/** What processes took of this machine, as Linux counts it. */
export interface Usage {
  /** Of all their threads, in user and kernel mode. */
  readonly cpuSeconds: number
  readonly residentBytes: number
}

/** The kernel's clock ticks a second, which on Linux is 100 for whoever reads /proc. */
const TICKS = 100
const PAGE_BYTES = 4096

/** @throws Error for a process that is gone. */
export const usageOf = (pids: readonly number[]): Usage => {
  let ticks = 0
  let pages = 0
  for (const pid of pids) {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name may hold anything, a bracket too: fields are counted behind the last one.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    ticks += Number(fields[11]) + Number(fields[12])
    pages += Number(fields[21])
  }
  return { cpuSeconds: ticks / TICKS, residentBytes: pages * PAGE_BYTES }
}
