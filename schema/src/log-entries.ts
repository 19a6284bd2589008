import {
  CONTESTANTS_MAX,
  EVENT_NUMBER_MAX,
  type EventNumber,
  type Shard,
  shardOf,
  VOTER_NUMBER_MAX,
  type VoterNumber,
} from './numbers.js'
import {
  type Closing,
  type Decision,
  type LogMessage,
  logMessage,
  UnknownVersionError,
  VERDICT,
  type Vote,
} from './votes.js'

/** Stands for the event of what names none: a message that nobody can read. */
export const NO_EVENT = 0 as EventNumber

/** Something in the log that is no entry anybody could count. */
export interface DeadEntry {
  /** NO_EVENT where none can be told. */
  readonly event: EventNumber
  readonly reason: string
}

/** A message of the log as everyone who counts reads it: only what can be counted, and what is dead in it. */
export interface ReadMessage extends LogMessage {
  readonly dead: readonly DeadEntry[]
}

/** No entry is later: the last moment that ClickHouse's times can hold. Milliseconds since 1970. */
const TIME_MAX_MS = Date.UTC(2299, 11, 31)

/**
 * Reads a message of a shard's log. What cannot be an entry of this shard is set aside as dead and takes nothing
 * else with it; of bytes that are no message at all, the whole is one dead entry.
 * @throws UnknownVersionError for a message of a newer writer: it is not damaged, only not for this reader.
 */
export const readLogMessage = (bytes: Uint8Array, shard: Shard, shards: number): ReadMessage => {
  let message: LogMessage
  try {
    message = logMessage.decode(bytes)
  } catch (error) {
    if (error instanceof UnknownVersionError) throw error
    const reason = `not a message of the log: ${error instanceof Error ? error.message : String(error)}`
    return { votes: [], closings: [], takeover: null, decisions: [], dead: [{ event: NO_EVENT, reason }] }
  }
  const ours = (voter: VoterNumber): boolean => shardOf(voter, shards) === shard
  const faults = {
    vote: (vote: Vote) => faultOfVoter(vote, ours) ?? faultOfTime('acked_at_ms', vote.ackedAtMs),
    closing: (closing: Closing) => faultOfEvent(closing) ?? faultOfTime('closed_at_ms', closing.closedAtMs),
    decision: (decision: Decision) =>
      faultOfVoter(decision, ours) ??
      faultOfTime('voted_at_ms', decision.votedAtMs) ??
      (decision.verdict === VERDICT.reject || decision.verdict === VERDICT.admit
        ? undefined
        : `verdict ${decision.verdict}`),
  }
  const dead: DeadEntry[] = []
  const living = <Entry extends { event: EventNumber }>(
    what: string,
    entries: readonly Entry[],
    faultOf: (entry: Entry) => string | undefined,
  ): Entry[] =>
    entries.filter((entry, position) => {
      const fault = faultOf(entry)
      if (fault !== undefined) dead.push({ event: eventOf(entry), reason: `${what} ${position}: ${fault}` })
      return fault === undefined
    })
  return {
    votes: living('vote', message.votes, faults.vote),
    closings: living('closing', message.closings, faults.closing),
    takeover: message.takeover,
    decisions: living('decision', message.decisions, faults.decision),
    dead,
  }
}

const eventOf = ({ event }: { event: EventNumber }): EventNumber =>
  event >= 1 && event <= EVENT_NUMBER_MAX ? event : NO_EVENT

const faultOfEvent = (entry: { event: EventNumber }): string | undefined =>
  eventOf(entry) === NO_EVENT ? `event ${entry.event}` : undefined

const faultOfVoter = (
  entry: Pick<Vote, 'event' | 'voter' | 'contestant'>,
  ours: (voter: VoterNumber) => boolean,
): string | undefined => {
  const { voter, contestant } = entry
  if (voter < 1 || voter > VOTER_NUMBER_MAX) return `voter ${voter}`
  if (!ours(voter)) return `voter ${voter} is of another shard`
  if (contestant >= CONTESTANTS_MAX) return `contestant ${contestant}`
  return faultOfEvent(entry)
}

const faultOfTime = (name: string, atMs: number): string | undefined =>
  atMs >= 1 && atMs < TIME_MAX_MS ? undefined : `${name} ${atMs}`
