import { NO_EVENT } from '@votestream/schema/log-entries'
import { type ContestantIndex, eventNumber, type VoterNumber } from '@votestream/schema/numbers'
import { type Closing, type Decision, VERDICT, type Vote } from '@votestream/schema/votes'
import fc from 'fast-check'
import type { SequencedMessage } from '../../src/tally/stretch.js'
import { vote } from './random-log.js'

interface DecidedLogOptions {
  /** When the first message is stored, milliseconds since 1970. */
  readonly firstMs: number
  readonly messagesMin: number
}

/**
 * Logs of one shard of 2 in which everything that can happen does: voters who come again, flags, closings, more
 * than one closing, takeovers, empty messages, time that passes; decisions, also twice, back, in
 * the message of the vote and about nobody's vote; and what is dead.
 */
export const decidedLog = (options: DecidedLogOptions): fc.Arbitrary<SequencedMessage[]> => {
  const { firstMs, messagesMin } = options
  const messages = fc.array(randomMessage, { minLength: messagesMin, maxLength: 25 })
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
      }
    })
  })
}

const event = fc.integer({ min: 1, max: 3 })
const voter = fc.integer({ min: 1, max: 20 })

const randomMessage = fc.record({
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
  decisions: fc.array(fc.record({ event, voter, verdict: fc.constantFrom(VERDICT.reject, VERDICT.admit) }), {
    maxLength: 4,
  }),
  dead: fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 2 }),
})
