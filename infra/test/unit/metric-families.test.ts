import assert from 'node:assert/strict'
import { Counter, Gauge, Registry } from 'prom-client'
import { familiesOf, lasting, type MetricFamily, mergeFamilies } from '../../src/metrics/families.js'
import { createHistograms } from '../../src/metrics/histograms.js'

/** What one of several workers hands in, as it arrives from another process. */
const pageOf = async (
  votes: number,
  open: number,
  seconds: number,
  traceId: string,
): Promise<MetricFamily[]> => {
  const registry = new Registry()
  const registers = [registry]
  new Counter({ registers, name: 'votes_total', help: 'v', labelNames: ['api'] }).inc({ api: 'rest' }, votes)
  new Gauge({ registers, name: 'open', help: 'o' }).set(open)
  new Gauge({ registers, name: 'up', help: 'u', aggregator: 'min' }).set(open)
  new Gauge({ registers, name: 'fullest', help: 'f', aggregator: 'max' }).set(open)
  new Gauge({ registers, name: 'delay', help: 'd', aggregator: 'average' }).set(open)
  new Gauge({ registers, name: 'started', help: 's', aggregator: 'omit' }).set(open)
  const took = { registry, name: 'took_seconds', help: 't', buckets: [1, 2] }
  createHistograms(took, 'viewer', ['first', 'last']).last.observe(seconds, traceId)
  return JSON.parse(JSON.stringify(await familiesOf(registry)))
}
const firstOf = (families: readonly MetricFamily[], name: string): number | undefined =>
  families.find((family) => family.name === name)?.values[0]?.value

describe('the figures of several processes', () => {
  it('are those of one: added up, or as each metric says; buckets by their bounds, with the latest exemplar', async () => {
    const one = await pageOf(3, 1, 0.5, 'a'.repeat(32))
    // The clock of exemplars tells milliseconds.
    for (const madeMs = Date.now(); Date.now() === madeMs; )
      await new Promise((resolve) => setImmediate(resolve))
    const other = await pageOf(4, 5, 0.7, 'b'.repeat(32))
    const merged = mergeFamilies([other, one])
    const values = ['votes_total', 'open', 'up', 'fullest', 'delay', 'started'].map((name) =>
      firstOf(merged, name),
    )
    assert.deepEqual(values, [7, 6, 1, 5, 3, undefined])
    const took = merged.find(({ name }) => name === 'took_seconds')?.values ?? []
    const last = took.filter(({ labels }) => labels.viewer === 'last')
    assert.deepEqual(
      last.map(({ metricName, labels, value }) => [metricName, labels.le, value]),
      [
        ['took_seconds_bucket', 1, 2],
        ['took_seconds_bucket', 2, 2],
        ['took_seconds_bucket', '+Inf', 2],
        ['took_seconds_sum', undefined, 1.2],
        ['took_seconds_count', undefined, 2],
      ],
    )
    for (const pages of [
      [one, other],
      [other, one],
    ]) {
      const traced = mergeFamilies(pages).flatMap(({ values }) => values.filter(({ exemplar }) => exemplar))
      assert.deepEqual(
        traced.map(({ exemplar }) => exemplar?.labelSet.trace_id),
        ['b'.repeat(32)],
      )
    }
    assert.equal(took.filter(({ labels }) => labels.viewer === 'first').at(-1)?.value, 0)
  })

  it('of one that is gone, what only grows is kept', async () => {
    const kept = lasting(await pageOf(3, 1, 0.5, ''))
    assert.deepEqual(
      kept.map(({ name }) => name),
      ['votes_total', 'took_seconds'],
    )
    assert.equal(firstOf(mergeFamilies([kept, await pageOf(1, 2, 0.5, '')]), 'votes_total'), 4)
  })
})
