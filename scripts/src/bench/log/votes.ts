import { contestantIndex, type EventNumber, voterNumber } from '@votestream/schema/numbers'
import { ATTEMPT_LIMIT, CHANNEL, type Vote } from '@votestream/schema/votes'

export const CONTESTANTS = 10

/** From a tap on a phone to the owner of the shard, milliseconds. */
const ON_ITS_WAY_MS = 80

/**
 * A vote as a phone's stands in the log: what differs from vote to vote differs here too, since texts and numbers
 * that are all the same would be read, and packed, for less than real ones.
 * @param ackedAtMs 0 for a submission
 */
export const phoneVote = (event: EventNumber, voter: number, ackedAtMs: number, sentAtMs: number): Vote => ({
  event,
  voter: voterNumber(voter),
  // More for the first ones: totals that are all alike would hide votes that went to the wrong one.
  contestant: contestantIndex(Math.floor(CONTESTANTS * Math.random() ** 2)),
  attempt: Math.floor(Math.random() * ATTEMPT_LIMIT),
  ackedAtMs,
  flags: 0,
  clientTimestampMs: sentAtMs - Math.floor(Math.random() * ON_ITS_WAY_MS),
  deviceId: `phone-${voter.toString(36)}-${Math.floor(Math.random() * 2 ** 32).toString(36)}`,
  appVersion: '4.12.1',
  channel: voter % 4 === 0 ? CHANNEL.graphql : CHANNEL.rest,
  traceId: '',
})
