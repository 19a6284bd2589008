import type { LogPosition } from '@votestream/infra/log-reader'

/** How far into a shard's log its view in Redis is. */
export interface Checkpoint {
  readonly generation: string
  readonly sequence: number
  /** Below this sequence the view is being made anew, and its totals are not to be shown. */
  readonly wholeAt: number
}

/**
 * Where a tally begins: where the view ends; with a view made anew, at the log's beginning; or, where the log begins
 * later than that, with a view made of what ClickHouse holds.
 */
export type Beginning =
  | { readonly do: 'go-on'; readonly checkpoint: Checkpoint }
  | { readonly do: 'make-anew' }
  | { readonly do: 'seed' }

/** @param position asked after the view: one that is kept by another instance meanwhile is not beyond the log. */
export const decideBeginning = (found: Checkpoint | undefined, position: LogPosition): Beginning => {
  const ours = found?.generation === position.generation && found.sequence <= position.lastSequence
  if (found && ours && found.sequence + 1 >= position.firstSequence) return { do: 'go-on', checkpoint: found }
  // A log in which nothing was ever written may say that it begins at 0.
  if (position.firstSequence <= 1) return { do: 'make-anew' }
  return { do: 'seed' }
}

/**
 * Whether the view is no longer where a tally left it.
 * @param sequences where it may be: as it was left, or as a stretch leaves it whose answer is on its way
 */
export const isElsewhere = (
  found: Checkpoint | undefined,
  generation: string,
  sequences: readonly number[],
): boolean => found?.generation !== generation || !sequences.includes(found.sequence)

/** A view that is being made anew holds less than was shown before. */
export const mayBeShown = (sequence: number, { wholeAt }: Pick<Checkpoint, 'wholeAt'>): boolean =>
  sequence >= wholeAt
