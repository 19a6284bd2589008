import assert from 'node:assert/strict'
import fc from 'fast-check'
import { failureOf } from '../../web/src/model/failure-words.js'
import { createLiveTimeline, WINDOW_MS } from '../../web/src/model/live-timeline.js'
import { readClaims } from '../../web/src/model/token-claims.js'
import { createVoteRate } from '../../web/src/model/vote-rate.js'
import { backoffMs, pause } from '../../web/src/model/waiting.js'
import { duration, initials } from '../../web/src/model/wording.js'

const START_MS = 1_700_000_000_000
const sumOf = (windows: readonly { votes: number }[]) => windows.reduce((sum, { votes }) => sum + votes, 0)

describe('what the page reckons', () => {
  it('a timeline counts each vote once, whenever the history comes between the boards', () => {
    const growth = fc.array(fc.nat(50), { minLength: 1, maxLength: 30 })
    fc.assert(
      fc.property(growth, fc.nat(29), (steps, historyAt) => {
        const timeline = createLiveTimeline()
        let total = 100
        for (const [index, step] of steps.entries()) {
          total += step
          // The history is as new as the board that came with it.
          if (index === Math.min(historyAt, steps.length - 1)) {
            timeline.load([{ startMs: START_MS, votes: total - 100 }], total, START_MS, 6)
          }
          timeline.note(total, START_MS + index)
        }
        assert.equal(sumOf(timeline.windows(START_MS, 1)), total - 100)
      }),
    )
  })

  it('boards that came while the history was on its way stay in the timeline', () => {
    const timeline = createLiveTimeline()
    timeline.note(10, START_MS)
    timeline.note(17, START_MS)
    timeline.load([{ startMs: START_MS, votes: 10 }], 10, START_MS, 6)
    assert.equal(sumOf(timeline.windows(START_MS, 1)), 17)
  })

  it('a later history replaces the windows that it tells of, in however many parts, and no others', () => {
    const timeline = createLiveTimeline()
    const at = (window: number) => START_MS + window * WINDOW_MS
    const early = [0, 1, 2].map((window) => ({ startMs: at(window), votes: 5 }))
    timeline.load(early, 15, at(2), 36)
    const late = [2, 1, 2].map((window) => ({ startMs: at(window), votes: 4 }))
    timeline.load(late, 17, at(2), 2)
    const votes = timeline.windows(at(2), 3).map((window) => window.votes)
    assert.deepEqual(votes, [5, 4, 8])
  })

  it('a vote stands in the window in which its board came, and windows without votes are there, too', () => {
    const timeline = createLiveTimeline()
    timeline.note(5, START_MS)
    timeline.note(8, START_MS + WINDOW_MS)
    timeline.note(9, START_MS + 3 * WINDOW_MS)
    const votes = timeline.windows(START_MS + 3 * WINDOW_MS, 4).map((window) => window.votes)
    assert.deepEqual(votes, [0, 3, 0, 1])
  })

  it('a timeline that runs for days keeps no more than it shows', () => {
    const timeline = createLiveTimeline()
    for (let window = 0; window < 500; window += 1) timeline.note(window, START_MS + window * WINDOW_MS)
    assert.equal(sumOf(timeline.windows(START_MS + 499 * WINDOW_MS, 500)), 120)
  })

  it('the rate is that of the last five seconds, and falls to nothing when votes stop', () => {
    const rate = createVoteRate()
    for (let tenth = 0; tenth <= 100; tenth += 1) rate.note(tenth * 4, START_MS + tenth * 100)
    assert.ok(Math.abs(rate.perSecond(START_MS + 10_000) - 40) < 1)
    assert.equal(rate.perSecond(START_MS + 20_000), 0)
  })

  it('a total that goes back is no negative rate', () => {
    const rate = createVoteRate()
    rate.note(100, START_MS)
    rate.note(40, START_MS + 1_000)
    rate.note(50, START_MS + 2_000)
    assert.equal(rate.perSecond(START_MS + 2_000), 10)
  })

  it('waits grow up to their limit and are spread by chance', () => {
    assert.equal(
      backoffMs(0, 300, 5_000, () => 1),
      300,
    )
    assert.equal(
      backoffMs(3, 300, 5_000, () => 0),
      1_200,
    )
    assert.equal(
      backoffMs(1_000, 300, 5_000, () => 1),
      5_000,
    )
  })

  it('a pause ends when it is no longer wanted', async () => {
    const controller = new AbortController()
    const waiting = pause(60_000, controller.signal)
    controller.abort()
    await waiting
    await pause(60_000, controller.signal)
  })

  it('reads what a token says, in any script, and nothing from what is no token', () => {
    const claims = { sub: 'Zoë', scope: 'votes admin', iat: 100, exp: 160 }
    const token = `x.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.y`
    const read = readClaims(token)
    assert.equal(read?.userId, 'Zoë')
    assert.ok(read.scopes.has('admin'))
    assert.equal(read.lifetimeMs, 60_000)
    fc.assert(fc.property(fc.string(), (text) => readClaims(text) === undefined))
  })

  it('every failure has a sentence, and only those that may pass are tried again', () => {
    assert.match(failureOf('DUPLICATE_VOTE').sentence, /already voted/)
    assert.equal(failureOf('DUPLICATE_VOTE').mayPass, false)
    assert.equal(failureOf('VOTES_UNAVAILABLE').mayPass, true)
    assert.equal(failureOf('NEVER_HEARD_OF', 'As the service says.').sentence, 'As the service says.')
    assert.match(failureOf('NEVER_HEARD_OF').sentence, /\.$/)
  })

  it('a name has initials whatever it is made of', () => {
    assert.equal(initials('The Copper Foxes'), 'CF')
    assert.equal(initials('Nadia & Okoro'), 'NO')
    assert.equal(initials('李小龍'), '李')
    assert.equal(initials('🦊'), '?')
    assert.equal(duration(95_000), '95 s')
    assert.equal(duration(7_200_000), '2 h')
  })
})
