import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import type { ServerSpec } from '@votestream/infra/servers/server-process'

/** The wall clocks of our own processes, which may be set wrong. */
export interface Clocks {
  /** The same program with a clock that can be set. */
  settable(spec: ServerSpec): ServerSpec
  /** How far a process's clock is ahead from now on, in this life and in later ones; 0: it is right. */
  set(name: string, aheadMs: number): void
}

export const createClocks = (folder: string): Clocks => {
  mkdirSync(folder, { recursive: true })
  const fileOf = (name: string): string => join(folder, name)
  const set = (name: string, aheadMs: number): void => {
    // Whole or not at all: it may be read at any moment.
    writeFileSync(`${fileOf(name)}.new`, String(aheadMs))
    renameSync(`${fileOf(name)}.new`, fileOf(name))
  }
  return {
    settable(spec) {
      set(spec.name, 0)
      const module = pathToFileURL(join(repositoryRoot(), 'scripts/dist/src/chaos/shifted-clock.js'))
      module.searchParams.set('file', fileOf(spec.name))
      return { ...spec, args: ['--import', module.href, ...spec.args] }
    },
    set,
  }
}
