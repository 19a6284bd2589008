import type { DeadLetter } from '@votestream/infra/dead-letters'
import { NO_EVENT, readLogMessage } from '@votestream/schema/log-entries'
import type { EventNumber } from '@votestream/schema/numbers'
import { UnknownVersionError } from '@votestream/schema/votes'

/** What is to be done with a letter, now that its message is read again. */
export type LetterDecision =
  /** All of it can be counted: these events have to be made anew, and what was said of no event. */
  | { readonly do: 'count'; readonly events: ReadonlySet<EventNumber> }
  | { readonly do: 'keep'; readonly why: string }

/**
 * @param message as it stands in the log now; undefined: it is not there any more.
 * @param generation of the log as it is now.
 */
export const decideLetter = (
  letter: Pick<DeadLetter, 'shard' | 'generation'>,
  message: Uint8Array | undefined,
  generation: string,
  shards: number,
): LetterDecision => {
  if (letter.generation !== generation) return { do: 'keep', why: 'it is of a log that was made anew since' }
  if (message === undefined) return { do: 'keep', why: 'the log does not hold it any more' }
  try {
    const { votes, closings, decisions, dead } = readLogMessage(message, letter.shard, shards)
    const [first] = dead
    if (first) return { do: 'keep', why: `still dead: ${first.reason}` }
    const named = [...votes, ...closings, ...decisions].map(({ event }) => event)
    return { do: 'count', events: new Set([NO_EVENT, ...named]) }
  } catch (error) {
    if (error instanceof UnknownVersionError) return { do: 'keep', why: error.message }
    throw error
  }
}
