import assert from 'node:assert/strict'
import type { ReadMessage } from '@votestream/schema/log-entries'
import type { ContestantIndex, EventNumber, VoterNumber } from '@votestream/schema/numbers'
import { createReplay, emptyBooks } from '@votestream/schema/replay'
import fc from 'fast-check'
import { createCutReplay, NO_ROWS, windowsOf } from '../../src/books/log-cuts.js'

const START_MS = Date.UTC(2026, 5, 1)

const event = fc.integer({ min: 1, max: 4 }).map((number) => number as EventNumber)
const voter = fc.integer({ min: 1, max: 6 }).map((number) => number as VoterNumber)
const contestant = fc.integer({ min: 0, max: 2 }).map((index) => index as ContestantIndex)
const atMs = fc.integer({ min: 0, max: 90_000 }).map((ms) => START_MS + ms)

const message: fc.Arbitrary<ReadMessage> = fc.record({
  votes: fc.array(
    fc.record({
      event,
      voter,
      contestant,
      attempt: fc.constant(1),
      ackedAtMs: atMs,
      flags: fc.integer({ min: 0, max: 1 }),
      clientTimestampMs: fc.constant(0),
      deviceId: fc.constant(''),
      appVersion: fc.constant(''),
      channel: fc.constant(1),
      traceId: fc.constant(''),
    }),
    { maxLength: 5 },
  ),
  closings: fc.array(fc.record({ event, closedAtMs: atMs }), { maxLength: 1 }),
  takeover: fc.constant(null),
  decisions: fc.array(
    fc.record({
      event,
      voter,
      contestant,
      votedAtMs: atMs,
      verdict: fc.integer({ min: 1, max: 2 }),
      decidedAtMs: atMs,
      decidedBy: voter,
    }),
    { maxLength: 2 },
  ),
  dead: fc.array(fc.record({ event, reason: fc.constant('?') }), { maxLength: 1 }),
})

const cut = fc.record({
  sequence: fc.integer({ min: 0, max: 12 }),
  events: fc.uniqueArray(event),
})

/** As slowly and as plainly as can be: every cut is a replay of its own. */
const replayed = (messages: readonly ReadMessage[], sequence: number, wanted: EventNumber) => {
  const replay = createReplay()
  const prefix = messages.slice(0, sequence)
  for (const each of prefix) replay.apply(each)
  const count = (lists: (readonly { event: EventNumber }[])[]) =>
    lists.flat().filter((entry) => entry.event === wanted).length
  return {
    books: replay.books.get(wanted) ?? emptyBooks(),
    rows: {
      votes: count(prefix.map(({ votes }) => votes)),
      closings: count(prefix.map(({ closings }) => closings)),
      decisions: count(prefix.map(({ decisions }) => decisions)),
      dead: count(prefix.map(({ dead }) => dead)),
    },
  }
}

describe('Cutting a replay of the log', () => {
  it('gives each event, at each message asked for, as a replay that ends there would', () => {
    const property = fc.property(
      fc.array(message, { maxLength: 10 }),
      fc.array(cut, { maxLength: 6 }),
      (messages, wanted) => {
        const replay = createCutReplay(
          wanted.map(({ sequence, events }) => ({ sequence, holds: (other) => events.includes(other) })),
        )
        for (const [index, each] of messages.entries()) replay.apply(index + 1, each)
        for (const [index, taken] of replay.finish().entries()) {
          const { sequence, events } = wanted[index] as (typeof wanted)[number]
          for (const [each, atCut] of taken) {
            assert.ok(events.includes(each))
            assert.deepEqual(atCut, replayed(messages, sequence, each))
          }
          // What was not taken has nothing there.
          for (const each of events.filter((other) => !taken.has(other))) {
            assert.deepEqual(replayed(messages, sequence, each), { books: emptyBooks(), rows: NO_ROWS })
          }
        }
        const dead = messages.flatMap((each, index) => (each.dead.length > 0 ? [index + 1] : []))
        assert.deepEqual(replay.deadMessages, dead)
      },
    )
    fc.assert(property, { numRuns: 500 })
  })

  it('puts windows together into longer ones that add up to the same', () => {
    const one = 0 as ContestantIndex
    const windows = new Map([
      [START_MS + 50_000, new Map([[one, 2]])],
      [START_MS + 60_000, new Map([[one, 3]])],
      [START_MS + 110_000, new Map([[one, 4]])],
    ])
    assert.deepEqual(
      windowsOf(windows, 60_000),
      new Map([
        [START_MS, new Map([[one, 2]])],
        [START_MS + 60_000, new Map([[one, 7]])],
      ]),
    )
  })
})
