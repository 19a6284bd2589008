import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import { labelRule } from '../../src/metrics-reference/label-values.js'
import { describedMetrics, metricsReference, REFERENCE_FILE } from '../../src/metrics-reference/reference.js'
import { readOpenMetrics } from '../openmetrics.js'

/** https://prometheus.io/docs/practices/naming/: base units, in the plural; what counts things names them. */
const UNITS = /_(seconds|bytes|ratio|votes|messages|rows|info|sequence|letters|shift)(_|$)/
const ABBREVIATED = /_(ms|s|msec|sec|us|kb|mb|gb|b|pct|percent|num|count|counter|gauge|min|max)$/

describe('the table of metrics', () => {
  it('is what the services register: `npm run metrics-reference` writes it', () => {
    assert.equal(readFileSync(join(repositoryRoot(), REFERENCE_FILE), 'utf8'), metricsReference())
  })

  it('names everything as Prometheus does, and says what each label may hold', () => {
    const ours = describedMetrics().filter(({ name }) => name.startsWith('votestream_'))
    assert.ok(ours.length > 40)
    for (const { name, type, labels } of describedMetrics()) {
      assert.match(name, /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/)
      assert.equal(name.endsWith('_total'), type === 'counter', name)
      assert.doesNotMatch(name, ABBREVIATED, name)
      assert.equal(labels.includes('le'), false, name)
      for (const label of labels) assert.ok(labelRule(name, label).told.length > 0)
    }
    for (const { name, type } of ours) if (type === 'histogram') assert.match(name, UNITS)
  })
})

describe('the reader of OpenMetrics that the tests go by', () => {
  const good = `# HELP a A
# TYPE a counter
a_total{b="c\\"d"} 2 # {trace_id="x"} 1 1.5
# HELP h H
# TYPE h histogram
h_bucket{le="1.0"} 1
h_bucket{le="+Inf"} 2
h_sum 3
h_count 2
# EOF
`
  it('reads what is right, exemplars included', () => {
    const [counter, histogram] = readOpenMetrics(good)
    assert.deepEqual(counter?.samples[0]?.exemplar, { labels: { trace_id: 'x' }, value: 1 })
    assert.equal(histogram?.samples.length, 4)
  })

  const faults: readonly (readonly [string, string])[] = [
    ['# EOF\n', ''],
    ['a_total{', 'a{'],
    ['# TYPE a counter', '# TYPE a_total counter'],
    ['le="1.0"', 'le="1"'],
    ['h_bucket{le="1.0"} 1', 'h_bucket{le="1.0"} 3'],
    ['h_count 2', 'h_count 1'],
    ['h_sum 3', 'h_sum 3\nh_sum 3'],
    ['{b="c', '{b=c'],
    ['# HELP h H\n', ''],
    ['h_sum 3', 'h_sum 3 # {trace_id="x"} 1'],
  ]
  for (const [right, wrong] of faults) {
    it(`refuses ${JSON.stringify(wrong)} for ${JSON.stringify(right)}`, () => {
      assert.throws(() => readOpenMetrics(good.replace(right, wrong)))
    })
  }
})
