import { execFile } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { promisify } from 'node:util'

/** Where what is measured runs, and where everything else does. */
export interface Cores {
  /** Each of these processes gets a core of its own. @throws Error where `taskset` is missing. */
  give(pids: readonly number[]): Promise<void>
}

/**
 * Keeps this process, and whatever it starts from now on, off the first cores.
 * @param count of the first cores; where no others are left, everything else shares them
 */
export const keepCores = async (count: number): Promise<Cores> => {
  const all = availableParallelism()
  if (count < all) await setAffinity(process.pid, `${count}-${all - 1}`)
  return {
    async give(pids) {
      for (const [index, pid] of pids.entries()) await setAffinity(pid, String(index % all))
    },
  }
}

const setAffinity = async (pid: number, cores: string): Promise<void> => {
  await promisify(execFile)('taskset', ['--all-tasks', '--cpu-list', '--pid', cores, String(pid)])
}
