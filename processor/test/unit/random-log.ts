import { type ContestantIndex, eventNumber, type VoterNumber } from '@votestream/schema/numbers'
import type { Closing, Vote } from '@votestream/schema/votes'
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

/**
 * Logs of one shard of 2 in which everything that can happen does: voters who come again, flags, closings, more
 * than one closing, takeovers, empty messages, and time that passes over a month's border.
 */
export const randomLog = ({ messagesMin = 0, messagesMax = 25 } = {}): fc.Arbitrary<ArchiveEntry[]> =>
  fc
    .array(
      fc.record({
        votes: fc.array(
          fc.record({
            event: fc.integer({ min: 1, max: 3 }),
            voter: fc.integer({ min: 1, max: 20 }),
            contestant: fc.integer({ min: 0, max: 3 }),
            flags: fc.constantFrom(0, 0, 0, 1),
            waitMs: fc.constantFrom(0, 1, 20_000, 90_000),
          }),
          { maxLength: 6 },
        ),
        closings: fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 1 }),
        takeover: fc.constantFrom(null, null, { owner: 'a' }),
      }),
      { minLength: messagesMin, maxLength: messagesMax },
    )
    .map((messages) => {
      let nowMs = FIRST_MS
      return messages.map(({ votes, closings, takeover }, index) => ({
        sequence: index + 1,
        storedAtMs: nowMs,
        message: {
          votes: votes.map(({ event, voter, contestant, flags, waitMs }) => {
            nowMs += waitMs
            return vote({
              event: eventNumber(event),
              voter: (voter * 2) as VoterNumber,
              contestant: contestant as ContestantIndex,
              flags,
              ackedAtMs: nowMs,
            })
          }),
          closings: closings.map((event): Closing => ({ event: eventNumber(event), closedAtMs: nowMs })),
          takeover,
          decisions: [],
        },
      }))
    })
