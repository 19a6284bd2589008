import type { Shard } from '@votestream/schema/numbers'

/** How far the comparison is: `done` of `all` in one of its steps. */
export interface Progress {
  readonly shard: Shard
  readonly step: 'waiting for the sinks' | 'reading Redis' | 'reading ClickHouse' | 'replaying the log'
  readonly done: number
  readonly all: number
}

const SAY_EVERY_MS = 500

/** Says where a comparison is, a line at a time, not more often than a person reads. */
export const createProgressLines = (
  write: (line: string) => void,
  now: () => number,
): ((progress: Progress) => void) => {
  let said = ''
  let saidAtMs = Number.NEGATIVE_INFINITY
  return ({ shard, step, done, all }) => {
    const name = `shard ${shard}: ${step}`
    // A new step is said at once.
    if (name === said && now() - saidAtMs < SAY_EVERY_MS) return
    said = name
    saidAtMs = now()
    write(all > 0 ? `${name}, ${done} of ${all}` : name)
  }
}
