import type { LogPosition } from '@votestream/infra/log-reader'

/** What a new owner reads: all that follows what Redis told, or everything. */
export type ReadingDecision =
  | {
      readonly do: 'read'
      /** What was learnt from Redis ends here; 0: nothing was. */
      readonly keptSequence: number
      readonly fromSequence: number
      /** Whether every attempt is known once that is read. */
      readonly attemptsKnown: boolean
    }
  | { readonly do: 'refuse'; readonly why: string }

/**
 * @param kept the sequence as of which Redis told who has voted; undefined: it could not.
 * @param position the log's, asked after Redis, which is behind the log at every moment.
 */
export const decideReading = (
  kept: number | undefined,
  { firstSequence, lastSequence }: LogPosition,
): ReadingDecision => {
  if (kept !== undefined && kept > lastSequence) return { do: 'refuse', why: 'Redis is ahead of the log' }
  if (kept === undefined && firstSequence > 1) {
    return { do: 'refuse', why: `the log begins at ${firstSequence} and Redis has nothing before` }
  }
  const keptSequence = kept ?? 0
  return { do: 'read', keptSequence, fromSequence: keptSequence + 1, attemptsKnown: keptSequence === 0 }
}

/**
 * The sequence up to which Redis is whole, when it speaks of this log and the log reaches back to it.
 * @param fields `generation`, `sequence` and `whole_at`, as they stand in Redis.
 */
export const usableCheckpoint = (
  [storedGeneration, stored, wholeAt]: readonly (string | null)[],
  { generation, firstSequence }: LogPosition,
): number | undefined => {
  if (storedGeneration !== generation) return undefined
  const sequence = Number(stored)
  const whole = sequence >= Number(wholeAt ?? 0)
  return whole && sequence + 1 >= firstSequence ? sequence : undefined
}
