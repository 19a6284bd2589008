import assert from 'node:assert/strict'
import { eventNumber, voterNumber } from '@votestream/schema/numbers'
import { ATTEMPTS_KEPT_MS, createAttempts } from '../../src/attempts.js'

const event = eventNumber(1)

describe('the memory of attempts', () => {
  const setUp = (generationMax?: number) => {
    const clock = { elapsedMs: 100_000 }
    return { clock, attempts: createAttempts(() => clock.elapsedMs, generationMax) }
  }

  it('knows an attempt for half a minute, and forgets it after a minute', () => {
    const { clock, attempts } = setUp()
    const addAfter = (afterMs: number, voter: number): void => {
      clock.elapsedMs = 100_000 + afterMs
      attempts.add(event, voterNumber(voter), voter)
      attempts.addDecision(voter)
    }
    const knows = (voter: number): boolean[] => [
      attempts.is(event, voterNumber(voter), voter),
      attempts.isDecision(voter),
    ]
    addAfter(0, 1)
    addAfter(ATTEMPTS_KEPT_MS - 1, 2)
    assert.deepEqual(knows(1), [true, true])
    assert.ok(!attempts.is(event, voterNumber(1), 8))
    addAfter(ATTEMPTS_KEPT_MS, 3)
    assert.deepEqual(knows(2), [true, true])
    addAfter(2 * ATTEMPTS_KEPT_MS, 4)
    assert.deepEqual(knows(1), [false, false])
  })

  it('what has been in the log for long is as old as it is: a long log is not all remembered', () => {
    const { attempts } = setUp()
    for (let ago = 100; ago >= 0; ago -= 1) {
      attempts.add(event, voterNumber(ago + 1), 7, ago * 1_000)
      attempts.addDecision(ago, ago * 1_000)
    }
    const known = Array.from({ length: 101 }, (_, ago) => ago).filter((ago) =>
      attempts.is(event, voterNumber(ago + 1), 7),
    )
    const recent = Array.from({ length: 30 }, (_, ago) => ago)
    assert.deepEqual(known.slice(0, 30), recent)
    assert.ok(known.length <= 61, `${known.length} are remembered`)
    assert.ok(attempts.isDecision(29) && !attempts.isDecision(100))
  })

  it('what is learned late does not push out what came since', () => {
    const { clock, attempts } = setUp()
    attempts.add(event, voterNumber(1), 1)
    for (let voter = 2; voter < 100; voter += 1) attempts.add(event, voterNumber(voter), 2, 34_000)
    clock.elapsedMs += ATTEMPTS_KEPT_MS - 1
    attempts.add(event, voterNumber(100), 3)
    assert.ok(attempts.is(event, voterNumber(1), 1))
    assert.ok(attempts.is(event, voterNumber(2), 2))
  })

  it('never holds more than two generations of a bounded size, whatever the clocks say', () => {
    const { attempts } = setUp(10)
    // The log says that they come from the future: the broker's clock went back.
    for (let voter = 1; voter <= 100; voter += 1) attempts.add(event, voterNumber(voter), 7, -3_600_000)
    const known = Array.from({ length: 100 }, (_, index) => index + 1).filter((voter) =>
      attempts.is(event, voterNumber(voter), 7),
    )
    assert.ok(known.length >= 10 && known.length <= 20, `${known.length} are remembered`)
    assert.equal(known.at(-1), 100)
  })
})
