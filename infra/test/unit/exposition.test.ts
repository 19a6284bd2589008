import assert from 'node:assert/strict'
import { Counter, Gauge, Registry } from 'prom-client'
import { formatFor } from '../../src/metrics/exposition.js'
import { familiesOf } from '../../src/metrics/families.js'
import { createHistogram } from '../../src/metrics/histograms.js'

const PROMETHEUS = 'text/plain; version=0.0.4; charset=utf-8'
const OPENMETRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8'
const TRACE = '0af7651916cd43dd8448eb211c80319c'

describe('the texts that metrics are told in', () => {
  it('are chosen by who asks: OpenMetrics for who prefers it, as Prometheus does, and its own text otherwise', () => {
    const chosen = (accept: string | undefined) => formatFor(accept).contentType
    const prometheus2 =
      'application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2'
    const prometheus3 =
      'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2'
    for (const accept of [prometheus2, prometheus3, 'Application/OpenMetrics-Text']) {
      assert.equal(chosen(accept), OPENMETRICS, accept)
    }
    const others = [
      '*/*',
      'text/plain',
      'application/openmetrics-text;version=0.0.1',
      'application/openmetrics-text;q=0',
    ]
    for (const accept of [undefined, '', ...others, 'text/plain;q=0.9, application/openmetrics-text;q=0.8']) {
      assert.equal(chosen(accept), PROMETHEUS, String(accept))
    }
  })

  it('tell the same, each by its own rules: totals, bounds, quotes, exemplars, an end', async () => {
    const registry = new Registry()
    new Counter({ registers: [registry], name: 'votes_total', help: 'All "votes"', labelNames: ['by'] }).inc(
      { by: 'a"\\\nb' },
      2,
    )
    new Gauge({ registers: [registry], name: 'depth', help: 'Two\nlines' }).set(Number.POSITIVE_INFINITY)
    const seconds = createHistogram({ registry, name: 'took_seconds', help: 'It took', buckets: [0.5, 1] })
    seconds.observe(0.7, TRACE)
    seconds.observe(2)
    const families = await familiesOf(registry)
    assert.equal(
      formatFor(undefined).write(families),
      `# HELP votes_total All "votes"
# TYPE votes_total counter
votes_total{by="a\\"\\\\\\nb"} 2

# HELP depth Two\\nlines
# TYPE depth gauge
depth +Inf

# HELP took_seconds It took
# TYPE took_seconds histogram
took_seconds_bucket{le="0.5"} 0
took_seconds_bucket{le="1"} 1
took_seconds_bucket{le="+Inf"} 2
took_seconds_sum 2.7
took_seconds_count 2
`,
    )
    const open = formatFor('application/openmetrics-text').write(families)
    const withoutTime = open.replace(/ 1\d{9}\.\d{3}$/m, ' TIME')
    assert.equal(
      withoutTime,
      `# HELP votes All \\"votes\\"
# TYPE votes counter
votes_total{by="a\\"\\\\\\nb"} 2
# HELP depth Two\\nlines
# TYPE depth gauge
depth +Inf
# HELP took_seconds It took
# TYPE took_seconds histogram
took_seconds_bucket{le="0.5"} 0
took_seconds_bucket{le="1.0"} 1 # {trace_id="${TRACE}"} 0.7 TIME
took_seconds_bucket{le="+Inf"} 2
took_seconds_sum 2.7
took_seconds_count 2
# EOF
`,
    )
    // Asked in one text, a registry is not changed for the other.
    assert.match(formatFor(undefined).write(await familiesOf(registry)), /^votes_total\{/m)
  })
})
