import { NO_EVENT, type ReadMessage } from '@votestream/schema/log-entries'
import { type ContestantIndex, eventNumber, type VoterNumber } from '@votestream/schema/numbers'
import { type Closing, type Decision, VERDICT, type Vote } from '@votestream/schema/votes'
import fc from 'fast-check'
import type { ArchiveEntry } from '../../src/archive/archive-rows.js'

export const FIRST_MS = Date.UTC(2026, 10, 30, 23, 58)

export const vote = (fields: Partial<Vote> & Pick<Vote, 'event' | 'voter'>): Vote => ({
  contestant: 0 as ContestantIndex,
  attempt: 7,
  ackedAtMs: FIRST_MS,
  flags: 0,
  clientTimestampMs: 0,
  deviceId: '',
  appVersion: '',
  channel: 1,
  traceId: '',
  ...fields,
})

interface RandomLogOptions {
  /** When the first message is stored, milliseconds since 1970. */
  readonly firstMs?: number
  readonly messagesMin?: number
  readonly messagesMax?: number
  /** In one message, at most; both. */
  readonly decisionsMax?: number
  readonly deadMax?: number
}

/**
 * Logs of one shard of 2 in which everything that can happen does: voters who come again, flags, closings, more
 * than one closing, takeovers, empty messages, and time that passes over a month's border; where asked for,
 * decisions, also twice, back, in the message of the vote and about nobody's vote, and what is dead.
 */
export const randomLog = (
  options: RandomLogOptions = {},
): fc.Arbitrary<(ArchiveEntry & { message: ReadMessage })[]> => {
  const { firstMs = FIRST_MS, messagesMin = 0, messagesMax = 25, decisionsMax = 0, deadMax = 0 } = options
  const messages = fc.array(randomMessage(decisionsMax, deadMax), {
    minLength: messagesMin,
    maxLength: messagesMax,
  })
  return messages.map((drawn) => {
    let nowMs = firstMs
    /** The first entry of each voter: what an owner would write into a decision. */
    const first = new Map<string, Vote>()
    return drawn.map(({ votes, closings, takeover, decisions, dead }, index) => {
      const cast = votes.map(({ event, voter, contestant, flags, waitMs }) => {
        nowMs += waitMs
        const entry = vote({
          event: eventNumber(event),
          voter: (voter * 2) as VoterNumber,
          contestant: contestant as ContestantIndex,
          flags,
          ackedAtMs: nowMs,
        })
        const name = `${event} ${voter}`
        first.set(name, first.get(name) ?? entry)
        return entry
      })
      return {
        sequence: index + 1,
        storedAtMs: nowMs,
        message: {
          votes: cast,
          closings: closings.map((event): Closing => ({ event: eventNumber(event), closedAtMs: nowMs })),
          takeover,
          decisions: decisions.map(({ event, voter, verdict }): Decision => {
            const about = vote({ event: eventNumber(event), voter: (voter * 2) as VoterNumber })
            const { contestant, ackedAtMs } = first.get(`${event} ${voter}`) ?? about
            const { event: number, voter: decided } = about
            const decidedBy = 2 as VoterNumber
            return {
              event: number,
              voter: decided,
              contestant,
              votedAtMs: ackedAtMs,
              verdict,
              decidedAtMs: nowMs,
              decidedBy,
            }
          }),
          dead: dead.map((event) => ({
            event: event === 0 ? NO_EVENT : eventNumber(event),
            reason: 'drawn',
          })),
        },
      }
    })
  })
}

const randomMessage = (decisionsMax: number, deadMax: number) => {
  const event = fc.integer({ min: 1, max: 3 })
  const voter = fc.integer({ min: 1, max: 20 })
  return fc.record({
    votes: fc.array(
      fc.record({
        event,
        voter,
        contestant: fc.integer({ min: 0, max: 3 }),
        flags: fc.constantFrom(0, 0, 0, 1),
        waitMs: fc.constantFrom(0, 1, 20_000, 90_000),
      }),
      { maxLength: 6 },
    ),
    closings: fc.array(event, { maxLength: 1 }),
    takeover: fc.constantFrom(null, null, { owner: 'a' }),
    decisions: fc.array(
      fc.record({ event, voter, verdict: fc.constantFrom(VERDICT.reject, VERDICT.admit) }),
      { maxLength: decisionsMax },
    ),
    dead: fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: deadMax }),
  })
}
