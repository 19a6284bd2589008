import assert from 'node:assert/strict'
import { contestantIndex, eventNumber, voterNumber } from '@votestream/schema/numbers'
import { createVotedSet } from '@votestream/schema/voted-set'
import type { Outcome, Vote } from '@votestream/schema/votes'
import { createAttempts } from '../../src/attempts.js'
import { createShardOwner, type OwnerState, type PendingVote, replayMessage } from '../../src/shard-owner.js'

const event = eventNumber(1)

const voteOf = (voter: number, attempt = voter, contestant = 0): Vote => ({
  event,
  voter: voterNumber(voter),
  contestant: contestantIndex(contestant),
  attempt,
  ackedAtMs: 0,
  flags: 0,
  clientTimestampMs: 0,
  deviceId: '',
  appVersion: '',
  channel: 1,
  traceId: '',
})

const setUp = () => {
  const state: OwnerState = {
    voted: createVotedSet(1),
    attempts: createAttempts(),
    attemptsKnown: true,
    closed: new Set(),
    lastAckedAtMs: 0,
  }
  const owner = createShardOwner(state)
  const outcomes: Outcome[] = []
  const submit = (vote: Vote, nowMs = 1_000, closesAtMs: number | null = null): PendingVote | undefined =>
    owner.submit(vote, (outcome) => outcomes.push(outcome), nowMs, closesAtMs)
  return { state, owner, outcomes, submit }
}

const accepted = (pending: PendingVote | undefined): PendingVote => {
  assert.ok(pending)
  return pending
}

describe("a shard's owner", () => {
  it('answers nobody before the vote is on disk', () => {
    const { owner, outcomes, submit } = setUp()
    const pending = accepted(submit(voteOf(1)))
    assert.deepEqual(outcomes, [])
    owner.stored(pending)
    assert.deepEqual(outcomes, ['accepted'])
  })

  it('a second vote shares the fate of the first, then is a duplicate', () => {
    const { owner, outcomes, submit } = setUp()
    const pending = accepted(submit(voteOf(1, 10)))
    assert.equal(submit(voteOf(1, 11)), undefined)
    assert.deepEqual(outcomes, [])
    owner.stored(pending)
    assert.deepEqual(outcomes, ['accepted', 'duplicate'])
    assert.equal(submit(voteOf(1, 12)), undefined)
    assert.equal(outcomes.at(-1), 'duplicate')
  })

  it('the same attempt gets the same answer, under way and afterwards', () => {
    const { owner, outcomes, submit } = setUp()
    const pending = accepted(submit(voteOf(1, 10)))
    submit(voteOf(1, 10))
    owner.stored(pending)
    submit(voteOf(1, 10))
    assert.deepEqual(outcomes, ['accepted', 'accepted', 'accepted'])
  })

  it('an owner that cannot tell says so, and calls nobody a duplicate', () => {
    const { owner, outcomes, submit } = setUp()
    submit(voteOf(1, 10))
    submit(voteOf(1, 11))
    owner.abandon()
    assert.deepEqual(outcomes, ['unavailable', 'unavailable'])
  })

  it('acked_at never goes back, though the clock does', () => {
    const { submit } = setUp()
    assert.equal(accepted(submit(voteOf(1), 5_000)).vote.ackedAtMs, 5_000)
    assert.equal(accepted(submit(voteOf(2), 4_000)).vote.ackedAtMs, 5_000)
  })

  it('a closing is no earlier than the votes that it stands behind, though the clock goes back', () => {
    const { owner, submit } = setUp()
    accepted(submit(voteOf(1), 5_000))
    assert.deepEqual(owner.close(event, 4_000), { event, closedAtMs: 5_000 })
  })

  it('takes no vote from the moment the event ends, by the clock or by a closing', () => {
    const { owner, outcomes, submit } = setUp()
    assert.ok(submit(voteOf(1), 999, 1_000))
    assert.equal(submit(voteOf(2), 1_000, 1_000), undefined)
    assert.equal(submit(voteOf(2), 999, 1_000), undefined, 'though the clock goes back')
    assert.deepEqual(owner.close(event, 1_000), { event, closedAtMs: 1_000 })
    assert.equal(owner.close(event, 2_000), undefined, 'a closing is appended once')
    assert.equal(submit(voteOf(3)), undefined)
    owner.closed(event)
    assert.equal(submit(voteOf(4)), undefined)
    assert.deepEqual(outcomes, ['closed', 'closed', 'closed', 'closed'])
  })

  it('tells nobody that the event is closed before the closing is on disk', () => {
    const { owner, outcomes, submit } = setUp()
    submit(voteOf(1), 1_000, 1_000)
    owner.close(event, 1_000)
    submit(voteOf(2))
    assert.deepEqual(outcomes, [])
    // Another owner has the shard: it may have taken these very votes.
    owner.abandon()
    assert.deepEqual(outcomes, ['unavailable', 'unavailable'])
  })

  it('whoever waited for the attempts waits for a closing on its way to disk too', () => {
    const { state, owner, outcomes, submit } = setUp()
    state.attemptsKnown = false
    owner.close(event, 1_000)
    submit(voteOf(1))
    owner.attemptsLearned()
    assert.deepEqual(outcomes, [])
    owner.closed(event)
    assert.deepEqual(outcomes, ['closed'])
  })

  it('who waits for a closing does not gather without a bound', () => {
    const { owner, outcomes, submit } = setUp()
    for (let repeat = 0; repeat < 30_000; repeat += 1) submit(voteOf(1), 1_000, 1_000)
    assert.equal(outcomes.length, 10_000)
    assert.ok(outcomes.every((outcome) => outcome === 'unavailable'))
    owner.close(event, 1_000)
    owner.closed(event)
    assert.equal(outcomes.length, 30_000)
    assert.equal(submit(voteOf(2)), undefined)
    assert.equal(outcomes.at(-1), 'closed')
  })

  it('an attempt that was accepted is still known after the closing', () => {
    const { owner, outcomes, submit } = setUp()
    owner.stored(accepted(submit(voteOf(1, 10))))
    owner.close(event, 1_000)
    owner.closed(event)
    submit(voteOf(1, 10))
    assert.equal(outcomes.at(-1), 'accepted')
  })

  it('a new owner that has read the log answers as the old one would', () => {
    const { state, outcomes, submit } = setUp()
    replayMessage(
      state,
      {
        votes: [{ ...voteOf(1, 10), ackedAtMs: 9_000 }],
        closings: [],
        takeover: null,
        decisions: [],
      },
      0,
    )
    submit(voteOf(1, 10))
    submit(voteOf(1, 11))
    assert.deepEqual(outcomes, ['accepted', 'duplicate'])
    assert.equal(accepted(submit(voteOf(2), 8_000)).vote.ackedAtMs, 9_000)
    replayMessage(
      state,
      {
        votes: [],
        closings: [{ event, closedAtMs: 9_500 }],
        takeover: null,
        decisions: [],
      },
      0,
    )
    submit(voteOf(3))
    assert.equal(outcomes.at(-1), 'closed')
  })

  it('while attempts are still being learned, voters are taken and nobody is called a duplicate', () => {
    const { state, owner, outcomes, submit } = setUp()
    state.attemptsKnown = false
    state.voted.add(event, voterNumber(1))
    submit(voteOf(1, 10))
    submit(voteOf(1, 11))
    const pending = accepted(submit(voteOf(2)))
    owner.stored(pending)
    assert.deepEqual(outcomes, ['accepted'])
    state.attempts.add(event, voterNumber(1), 10)
    owner.attemptsLearned()
    assert.deepEqual(outcomes, ['accepted', 'accepted', 'duplicate'])
    submit(voteOf(1, 11))
    assert.equal(outcomes.at(-1), 'duplicate')
  })

  it('while attempts are still being learned, nobody is told that the event is closed who may have voted', () => {
    const { state, owner, outcomes, submit } = setUp()
    state.attemptsKnown = false
    state.closed.add(event)
    submit(voteOf(1, 10))
    submit(voteOf(2, 20))
    assert.deepEqual(outcomes, [])
    state.attempts.add(event, voterNumber(1), 10)
    owner.attemptsLearned()
    assert.deepEqual(outcomes, ['accepted', 'closed'])
  })

  it('whoever waits when it ends before it has learned the attempts is told that it cannot tell', () => {
    const { state, owner, outcomes, submit } = setUp()
    state.attemptsKnown = false
    state.voted.add(event, voterNumber(1))
    submit(voteOf(1, 10))
    owner.abandon()
    assert.deepEqual(outcomes, ['unavailable'])
  })

  it('repeats of a vote that cannot reach the disk do not gather without a bound', () => {
    const { owner, outcomes, submit } = setUp()
    const pending = accepted(submit(voteOf(1)))
    for (let repeat = 0; repeat < 200_000; repeat += 1) submit(voteOf(1))
    assert.ok(pending.waiting.length <= 100_000)
    assert.equal(pending.waiting.length + outcomes.length, 200_001)
    assert.ok(outcomes.every((outcome) => outcome === 'unavailable'))
    owner.stored(pending)
    assert.equal(outcomes.length, 200_001)
    submit(voteOf(2))
    submit(voteOf(2))
    assert.equal(outcomes.length, 200_001)
  })
})
