import assert from 'node:assert/strict'
import { Registry } from 'prom-client'
import { createLiveMetrics } from '../../src/live/live-metrics.js'

describe('the figures of live viewers', () => {
  it('tell fan-out in seconds, by the place of the viewer, and never as negative', async () => {
    const registry = new Registry()
    const metrics = createLiveMetrics(registry, () => 10_250)
    for (const appliedAtMs of [10_000, 10_240, 10_251]) metrics.fannedOut('last', appliedAtMs)
    metrics.fannedOut('first', 10_240)
    const text = await registry.metrics()
    assert.match(text, /^votestream_fanout_seconds_count\{viewer="last"\} 3$/m)
    assert.match(text, /^votestream_fanout_seconds_sum\{viewer="last"\} 0.26$/m)
    assert.match(text, /^votestream_fanout_seconds_bucket\{le="0.2",viewer="last"\} 2$/m)
    assert.match(text, /^votestream_fanout_seconds_bucket\{le="0.25",viewer="last"\} 3$/m)
    assert.match(text, /^votestream_fanout_seconds_count\{viewer="first"\} 1$/m)
  })
})
