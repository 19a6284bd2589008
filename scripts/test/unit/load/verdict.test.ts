import assert from 'node:assert/strict'
import { createLatencies } from '../../../src/load/latencies.js'
import type { GeneratorUsage } from '../../../src/load/protocol.js'
import {
  exitStatus,
  generatorFaults,
  judgeCount,
  judgeErrors,
  judgeLevels,
  sentenceOf,
} from '../../../src/load/verdict.js'

const latencies = (...micros: readonly number[]) => {
  const made = createLatencies()
  for (const each of micros) made.add(each)
  return made
}

describe('the verdict on service levels', () => {
  const stages = { ingest: latencies(40_000, 61_200), 'end-to-end': null, 'fan-out': null }

  it('says which one is missed and by how much', () => {
    const levels = judgeLevels(
      [
        { stage: 'ingest', percent: 50, boundMs: 50 },
        { stage: 'ingest', percent: 99, boundMs: 50 },
      ],
      stages,
    )
    assert.deepEqual(
      levels.map(({ isMet }) => isMet),
      [true, false],
    )
    assert.deepEqual(levels.map(sentenceOf), [
      'ingest p50: 40.0 ms, at most 50.0 ms is allowed',
      'ingest p99: 61.2 ms, which is 11.2 ms more than 50.0 ms',
    ])
  })

  it('is that one of which nothing was measured is missed', () => {
    const [level] = judgeLevels([{ stage: 'end-to-end', percent: 95, boundMs: 500 }], stages)
    assert.equal(level?.isMet, false)
    assert.match(level ? sentenceOf(level) : '', /nothing was measured/)
  })

  it('counts errors', () => {
    assert.equal(judgeErrors(0, 0).isMet, true)
    assert.equal(
      sentenceOf(judgeErrors(3, 1)),
      'errors: 3 requests, which is 2 requests more than 1 requests',
    )
  })
})

describe('the verdict on the votes', () => {
  it('allows what was not answered to be counted or not, and nothing else', () => {
    assert.equal(judgeCount(10, 10, 0), null)
    assert.equal(judgeCount(12, 10, 2), null)
    assert.match(judgeCount(9, 10, 2) ?? '', /10 votes were acknowledged and 2 were not answered, but 9 are/)
    assert.match(judgeCount(13, 10, 2) ?? '', /13 are on the board/)
  })
})

describe('the verdict on the generator itself', () => {
  const usage: GeneratorUsage = { busy: 0.4, loopDelayP99Ms: 1, cpuSeconds: 1, reconnects: 0 }
  const fine = {
    pace: { mode: 'open', perSecond: 100, rampSeconds: 0, seconds: 10 },
    intended: 1_000,
    sentInTime: 1_000,
    lateness: latencies(1_000),
    generators: [usage],
  } as const
  const bounds = { latenessP99Ms: 10 }

  it('finds nothing in one that kept its rate', () => {
    assert.deepEqual(generatorFaults(fine, bounds), [])
    assert.deepEqual(generatorFaults({ ...fine, sentInTime: 990 }, bounds), [])
  })

  const faults: readonly (readonly [string, Parameters<typeof generatorFaults>[0], RegExp])[] = [
    ['was late', { ...fine, lateness: latencies(12_000) }, /12\.0 ms late at p99/],
    ['sent less than it was asked for', { ...fine, sentInTime: 989 }, /989 of 1000 requests \(98\.9 %\)/],
    [
      'had no reserve',
      { ...fine, generators: [usage, { ...usage, busy: 0.95 }] },
      /process 2 was busy for 95\.0 %/,
    ],
    [
      'had a slow event loop',
      { ...fine, generators: [{ ...usage, loopDelayP99Ms: 20 }] },
      /event loop .* 20\.0 ms/,
    ],
  ]
  for (const [name, result, expected] of faults) {
    it(`names that it ${name}`, () => {
      const found = generatorFaults(result, bounds)
      assert.equal(found.length, 1)
      assert.match(found[0] ?? '', expected)
    })
  }

  it('comes before levels: what a bad generator measured says nothing', () => {
    const missed = [judgeErrors(1, 0)]
    assert.equal(exitStatus(['late'], missed, null), 3)
    assert.equal(exitStatus([], missed, null), 1)
    assert.equal(exitStatus([], [], 'miscounted'), 1)
    assert.equal(exitStatus([], [judgeErrors(0, 0)], null), 0)
  })
})
