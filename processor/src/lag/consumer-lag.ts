import type { LogPosition } from '@votestream/infra/log-reader'

/** How far a sink is in a log. */
export interface SinkCheckpoint {
  /** The creation of the log that `sequence` counts in. */
  readonly generation: string
  readonly sequence: number
}

export interface Backlog {
  /** Messages of the log that the sink does not hold. */
  readonly messages: number
  /** The oldest one of them; undefined: the sink holds everything. */
  readonly oldest: number | undefined
}

/** @param checkpoint undefined, or of another log: the sink holds nothing of this one. */
export const backlogOf = (
  { generation, firstSequence, lastSequence }: LogPosition,
  checkpoint: SinkCheckpoint | undefined,
): Backlog => {
  const held = checkpoint?.generation === generation ? checkpoint.sequence : 0
  const oldest = Math.max(held + 1, firstSequence, 1)
  const messages = Math.max(0, lastSequence - oldest + 1)
  return { messages, oldest: messages > 0 ? oldest : undefined }
}

/** How many votes messages of a log hold: the broker counts messages alone, so it is told from those that were looked at. */
export interface VotesPerMessage {
  /** @param votes of the oldest message that waits @param messages that wait, that one included */
  estimate(votes: number, messages: number): number
}

/** What was seen last weighs so much. */
const WEIGHT = 0.2

export const createVotesPerMessage = (): VotesPerMessage => {
  let average: number | undefined
  return {
    estimate(votes, messages) {
      average = average === undefined ? votes : average + WEIGHT * (votes - average)
      return Math.round(votes + (messages - 1) * average)
    },
  }
}
