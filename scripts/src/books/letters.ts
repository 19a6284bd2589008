import { JetStreamApiError } from '@nats-io/jetstream'
import type { Nats } from '@votestream/infra/nats'
import type { Shard } from '@votestream/schema/numbers'
import { DEAD_STREAM, deadSubjects } from '@votestream/schema/subjects'

/** The messages of a shard's log with something dead in them, against the letters in VOTES_DEAD. */
export interface LettersComparison {
  /** Messages of the log that have something dead in them. */
  readonly log: number
  readonly letters: number
  /** Sequences, the first ones: dead in the log, and no letter says so. */
  readonly missing: readonly number[]
  /** Sequences, the first ones: there is a letter, and everything in the message can be counted. */
  readonly unexpected: readonly number[]
}

const NAMED_MAX = 10

/** @param range the stretch of the log that was read and that the tally has applied: both ends included. */
export const compareLetters = (
  dead: readonly number[],
  letters: readonly number[],
  range: { readonly fromSequence: number; readonly toSequence: number },
): LettersComparison => {
  const inRange = (sequence: number) => sequence >= range.fromSequence && sequence <= range.toSequence
  const inLog = new Set(dead.filter(inRange))
  const kept = new Set(letters.filter(inRange))
  return {
    log: inLog.size,
    letters: kept.size,
    missing: [...inLog].filter((sequence) => !kept.has(sequence)).slice(0, NAMED_MAX),
    unexpected: [...kept].filter((sequence) => !inLog.has(sequence)).slice(0, NAMED_MAX),
  }
}

export const lettersAgree = ({ missing, unexpected }: LettersComparison): boolean =>
  missing.length === 0 && unexpected.length === 0

const STREAM_NOT_FOUND = 10059

/** The messages of a log that have a letter in VOTES_DEAD; each letter has a subject of its own. */
export const readLetters = async (nats: Nats, shard: Shard, generation: string): Promise<number[]> => {
  try {
    const subjects_filter = deadSubjects(shard, generation)
    const { state } = await nats.jsm.streams.info(DEAD_STREAM, { subjects_filter })
    return Object.keys(state.subjects ?? {}).map((subject) => Number(subject.split('.').at(-1)))
  } catch (error) {
    // It is made with the first letter, and not by a reader.
    if (error instanceof JetStreamApiError && error.code === STREAM_NOT_FOUND) return []
    throw error
  }
}
