import assert from 'node:assert/strict'
import { familiesOf } from '@votestream/infra/metrics/families'
import { Registry } from 'prom-client'
import { createLiveMetrics } from '../../src/live/live-metrics.js'

describe('the figures of live viewers', () => {
  it('tell fan-out in seconds, by the place of the viewer, and never as negative', async () => {
    const registry = new Registry()
    const metrics = createLiveMetrics(registry, () => 10_250)
    for (const appliedAtMs of [10_000, 10_240, 10_251]) metrics.fannedOut('last', { appliedAtMs })
    metrics.fannedOut('first', { appliedAtMs: 10_240 })
    const text = await registry.metrics()
    assert.match(text, /^votestream_fanout_seconds_count\{viewer="last"\} 3$/m)
    assert.match(text, /^votestream_fanout_seconds_sum\{viewer="last"\} 0.26$/m)
    assert.match(text, /^votestream_fanout_seconds_bucket\{le="0.2",viewer="last"\} 2$/m)
    assert.match(text, /^votestream_fanout_seconds_bucket\{le="0.25",viewer="last"\} 3$/m)
    assert.match(text, /^votestream_fanout_seconds_count\{viewer="first"\} 1$/m)
  })

  it('tell end to end from the acknowledgement and from the client, where they are told, with the trace', async () => {
    const registry = new Registry()
    const metrics = createLiveMetrics(registry, () => 10_250)
    const traceId = '0af7651916cd43dd8448eb211c80319c'
    const traces = [`00-${traceId}-b7ad6b7169203331-01`]
    metrics.fannedOut('last', { earliestAckedAtMs: 10_000, clientAtMs: 9_750, traces })
    metrics.fannedOut('last', { appliedAtMs: 10_240, earliestAckedAtMs: 10_150, clientAtMs: 0 })
    const text = await registry.metrics()
    assert.match(text, /^votestream_end_to_end_seconds_sum\{from="acked_at"\} 0.35$/m)
    assert.match(text, /^votestream_end_to_end_seconds_count\{from="acked_at"\} 2$/m)
    assert.match(text, /^votestream_end_to_end_seconds_sum\{from="client"\} 0.5$/m)
    assert.match(text, /^votestream_end_to_end_seconds_count\{from="client"\} 1$/m)
    assert.match(text, /^votestream_fanout_seconds_count\{viewer="last"\} 1$/m)
    const told = (await familiesOf(registry)).flatMap(({ values }) => values)
    const traced = told.filter(({ exemplar }) => exemplar)
    assert.deepEqual(
      traced.map(({ labels, exemplar }) => [labels.from, labels.le, exemplar?.labelSet.trace_id]),
      [
        ['acked_at', 0.25, traceId],
        ['client', 0.5, traceId],
      ],
    )
  })
})
