import assert from 'node:assert/strict'
import { contestantIndex, eventNumber, voterNumber } from '@votestream/schema/numbers'
import { createVotedSet } from '@votestream/schema/voted-set'
import { type Decision, logMessage, VERDICT, type Verdict } from '@votestream/schema/votes'
import { createAttempts } from '../../src/attempts.js'
import { createDecisionDesk } from '../../src/decision-desk.js'
import { messageOf } from '../../src/lane-items.js'
import { type OwnerState, replayMessage } from '../../src/shard-owner.js'

const requestOf = (attempt: number, verdict: Verdict = 'reject'): Decision => ({
  event: eventNumber(1),
  voter: voterNumber(3),
  contestant: contestantIndex(2),
  votedAtMs: 900,
  verdict: VERDICT[verdict],
  decidedAtMs: 0,
  decidedBy: voterNumber(9),
  attempt,
})

const setUp = () => {
  const state: OwnerState = {
    voted: createVotedSet(1),
    attempts: createAttempts(),
    attemptsKnown: true,
    closed: new Set(),
    lastAckedAtMs: 0,
  }
  const desk = createDecisionDesk(state)
  const told: boolean[] = []
  const take = (request: Decision, nowMs = 1_000): Decision | undefined =>
    desk.take(request, (decided) => told.push(decided), nowMs)
  return { state, desk, told, take }
}

const taken = (decision: Decision | undefined): Decision => {
  assert.ok(decision)
  return decision
}

describe("an owner's part in decisions", () => {
  it('answers nobody before the decision is on disk', () => {
    const { desk, told, take } = setUp()
    const decision = taken(take(requestOf(1)))
    assert.deepEqual(told, [])
    desk.stored(decision)
    assert.deepEqual(told, [true])
  })

  it('a decision has the time at which it was taken, which never goes back behind what stands before it', () => {
    const { state, take } = setUp()
    assert.equal(taken(take(requestOf(1), 5_000)).decidedAtMs, 5_000)
    assert.equal(taken(take(requestOf(2), 4_000)).decidedAtMs, 5_000)
    state.lastAckedAtMs = 6_000
    assert.equal(taken(take(requestOf(3), 5_500)).decidedAtMs, 6_000)
    const next = setUp()
    const decisions = [{ ...requestOf(4), decidedAtMs: 7_000 }]
    replayMessage(next.state, { votes: [], closings: [], takeover: null, decisions }, 0)
    assert.equal(taken(next.take(requestOf(5), 1_000)).decidedAtMs, 7_000)
  })

  it('a copy of a request shares its fate while it is on its way', () => {
    const { desk, told, take } = setUp()
    const decision = taken(take(requestOf(1)))
    assert.equal(take(requestOf(1)), undefined)
    assert.deepEqual(told, [])
    desk.stored(decision)
    assert.deepEqual(told, [true, true])
  })

  it('a copy that comes late undoes nothing that was decided since, also not after a takeover', () => {
    const { desk, told, take } = setUp()
    const decisions = [taken(take(requestOf(1, 'reject'))), taken(take(requestOf(2, 'admit')))]
    for (const decision of decisions) desk.stored(decision)
    assert.equal(take(requestOf(1, 'reject')), undefined)
    assert.deepEqual(told, [true, true, true])

    const next = setUp()
    // As it stands in the log.
    const bytes = logMessage.encode(
      messageOf(decisions.map((decision) => ({ is: 'decision', decision, settle: () => undefined }))),
    )
    replayMessage(next.state, logMessage.decode(bytes), 1_000)
    assert.equal(next.take(requestOf(1, 'reject')), undefined)
    assert.deepEqual(next.told, [true])
  })

  it('while what was decided before the takeover is still being learned, it is to be asked again', () => {
    const { state, told, take } = setUp()
    state.attemptsKnown = false
    assert.equal(take(requestOf(1)), undefined)
    assert.deepEqual(told, [false])
    state.attemptsKnown = true
    assert.ok(take(requestOf(1)))
  })

  it('an owner that cannot tell says so, and never that it is done', () => {
    const { desk, told, take } = setUp()
    const decision = taken(take(requestOf(1)))
    take(requestOf(1))
    desk.abandon()
    assert.deepEqual(told, [false, false])
    desk.stored(decision)
    assert.deepEqual(told, [false, false])
  })

  it('while the log has no room nobody waits, and what was taken is not taken twice', () => {
    const { desk, told, take } = setUp()
    const decision = taken(take(requestOf(1)))
    desk.turnAway()
    assert.deepEqual(told, [false])
    assert.equal(take(requestOf(1)), undefined)
    desk.stored(decision)
    assert.deepEqual(told, [false, true])
  })

  it('requests without a name are each a decision of their own', () => {
    const { desk, told, take } = setUp()
    const first = taken(take(requestOf(0)))
    const second = taken(take(requestOf(0)))
    desk.stored(first)
    assert.deepEqual(told, [true])
    desk.stored(second)
    assert.deepEqual(told, [true, true])
    assert.ok(take(requestOf(0)))
  })

  it('neither decisions on their way to disk nor those who wait for them gather without a bound', () => {
    const { told, take } = setUp()
    for (let attempt = 1; attempt <= 3_000; attempt += 1) take(requestOf(attempt))
    assert.deepEqual(told, new Array(2_000).fill(false))
    for (let copy = 0; copy < 1_000; copy += 1) take(requestOf(1))
    assert.equal(told.length, 2_901)
    assert.ok(told.every((decided) => !decided))
  })
})
