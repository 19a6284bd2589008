import { readLogMessage } from '@votestream/schema/log-entries'
import { type ContestantIndex, eventNumber, shardNumber, type VoterNumber } from '@votestream/schema/numbers'
import { type Closing, type Decision, type LogMessage, logMessage, type Vote } from '@votestream/schema/votes'
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

const SHARD = shardNumber(0)
const SHARDS = 2

/** A message of shard 0 of 2 as whoever counts gets it: written, and read again. */
export const entryOf = (
  sequence: number,
  message: Partial<LogMessage> | Uint8Array,
  storedAtMs = FIRST_MS,
): ArchiveEntry => {
  const empty: LogMessage = { votes: [], closings: [], takeover: null, decisions: [] }
  const data = message instanceof Uint8Array ? message : logMessage.encode({ ...empty, ...message })
  return { sequence, data, message: readLogMessage(data, SHARD, SHARDS), storedAtMs }
}

/** Decisions say what an operator was shown: the voter's first entry. */
export const decisionAbout = (
  { event, voter, contestant, ackedAtMs }: Vote,
  verdict: number,
  decidedAtMs = FIRST_MS,
): Decision => ({
  event,
  voter,
  contestant,
  votedAtMs: ackedAtMs,
  verdict,
  decidedAtMs,
  decidedBy: 77 as VoterNumber,
})

const choice = fc.record({
  event: fc.integer({ min: 1, max: 3 }),
  voter: fc.integer({ min: 1, max: 20 }),
})

/**
 * Logs of one shard of 2 in which everything that can happen does: voters who come again, flags, closings, more
 * than one closing, takeovers, decisions (again, reversed, about nobody's vote), entries that are dead, messages that
 * nobody can read, empty messages, and time that passes over a month's border.
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
            // Of the other shard: dead.
            astray: fc.constantFrom(0, 0, 0, 0, 0, 0, 1),
          }),
          { maxLength: 6 },
        ),
        closings: fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 1 }),
        takeover: fc.constantFrom(null, null, { owner: 'a' }),
        decisions: fc.array(fc.record({ about: choice, verdict: fc.constantFrom(1, 2, 1, 2, 1, 2, 3) }), {
          maxLength: 3,
        }),
        unreadable: fc.constantFrom(...Array.from({ length: 15 }, (_, index) => index === 0)),
      }),
      { minLength: messagesMin, maxLength: messagesMax },
    )
    .map((messages) => {
      let nowMs = FIRST_MS
      const firsts = new Map<string, Vote>()
      return messages.map(({ votes, closings, takeover, decisions, unreadable }, index) => {
        const sequence = index + 1
        if (unreadable) return entryOf(sequence, Uint8Array.from([255, 1, 2]), nowMs)
        const cast = votes.map(({ event, voter, contestant, flags, waitMs, astray }) => {
          nowMs += waitMs
          return vote({
            event: eventNumber(event),
            voter: (voter * 2 + astray) as VoterNumber,
            contestant: contestant as ContestantIndex,
            flags,
            ackedAtMs: nowMs,
          })
        })
        for (const entry of cast) {
          const key = `${entry.event}/${entry.voter}`
          if (!firsts.has(key)) firsts.set(key, entry)
        }
        const message: LogMessage = {
          votes: cast,
          closings: closings.map((event): Closing => ({ event: eventNumber(event), closedAtMs: nowMs })),
          takeover,
          decisions: decisions.map(({ about, verdict }) => {
            const key = `${about.event}/${about.voter * 2}`
            const nobody = vote({ event: eventNumber(about.event), voter: (about.voter * 2) as VoterNumber })
            return decisionAbout(firsts.get(key) ?? nobody, verdict, nowMs)
          }),
        }
        return entryOf(sequence, message, nowMs)
      })
    })
