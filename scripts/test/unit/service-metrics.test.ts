import assert from 'node:assert/strict'
import { isExact, toSpare } from '../../src/bench/latency/rows.js'
import {
  distributionOf,
  growth,
  parseMetrics,
  percentileOf,
  sumOf,
  together,
} from '../../src/bench/latency/service-metrics.js'

describe('what services tell of themselves', () => {
  /** As a service answers it: one value of the first viewer, and these of the last. */
  const histogram = (...seconds: readonly number[]): string => {
    const upTo = (bound: number): number => seconds.filter((value) => value <= bound).length
    const buckets = [0.1, 0.2, 0.4].flatMap((bound) => [
      `h_bucket{le="${bound}",v="first"} 1`,
      `h_bucket{le="${bound}",v="last"} ${upTo(bound)}`,
    ])
    const ends = [`h_bucket{le="+Inf",v="first"} 1`, `h_bucket{le="+Inf",v="last"} ${seconds.length}`]
    const sum = seconds.reduce((all, value) => all + value, 0)
    const rest = [`h_sum{v="last"} ${sum}`, `h_count{v="last"} ${seconds.length}`, 'h_count{v="first"} 1', '']
    return ['# HELP h what it is', '# TYPE h histogram', ...buckets, ...ends, ...rest].join('\n')
  }

  it('is summed over processes, and what grew is what came between', () => {
    const from = parseMetrics([histogram(0.15), histogram(0.3, 5)])
    const to = parseMetrics([histogram(0.15, 0.15, 0.15), histogram(0.3, 5, 0.3)])
    const grown = distributionOf(growth(from, to), 'h', 'v="last"')
    assert.deepEqual(
      grown.buckets.map(({ count }) => count),
      [0, 2, 1, 0],
    )
    assert.equal(grown.count, 3)
    assert.ok(Math.abs(sumOf(growth(from, to), 'h_sum') - 0.6) < 1e-9)
    assert.equal(sumOf(together([to, to]), 'h_count'), 16)
  })

  it('has percentiles that lie evenly within a bucket, infinite ones beyond the last, and none of nothing', () => {
    const of = (...seconds: number[]) =>
      distributionOf(parseMetrics([histogram(...seconds)]), 'h', 'v="last"')
    const two = of(0.15, 0.3)
    assert.equal(percentileOf(two, 25), 0.15000000000000002)
    assert.equal(percentileOf(two, 50), 0.2)
    assert.equal(percentileOf(two, 100), 0.4)
    assert.equal(percentileOf(of(0.15, 7), 99), Number.POSITIVE_INFINITY)
    assert.ok(Number.isNaN(percentileOf(distributionOf(new Map(), 'h'), 50)))
  })
})

describe('the verdict on latencies', () => {
  const quantiles = { count: 1, p50Ms: 1, p95Ms: 250, p99Ms: 1_250, p999Ms: 2_000 }

  it('is how often the level would hold what was measured, by the worse of two levels', () => {
    assert.equal(toSpare('processing', quantiles), 0.16)
    assert.equal(toSpare('end to end', quantiles), 0.8)
    assert.equal(toSpare('end to end', { ...quantiles, p99Ms: 300 }), 2)
  })

  it('is right only when every vote was acknowledged, counted and seen', () => {
    const exact = { intended: 5, acknowledged: 5, counted: 5, unseen: 0, backwards: 0 }
    assert.ok(isExact(exact))
    for (const wrong of [{ acknowledged: 4 }, { counted: 6 }, { unseen: 1 }, { backwards: 1 }]) {
      assert.ok(!isExact({ ...exact, ...wrong }), JSON.stringify(wrong))
    }
  })
})
