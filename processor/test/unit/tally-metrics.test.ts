import assert from 'node:assert/strict'
import { Registry } from 'prom-client'
import { createTallyMetrics } from '../../src/tally/tally-metrics.js'

describe('the figures of the tally', () => {
  it('tell the processing of each message in seconds, never as negative, and what time it was', async () => {
    const registry = new Registry()
    const metrics = createTallyMetrics(registry, () => 10_250)
    assert.equal(metrics.applied([10_000, 10_240, 10_251], [], 0.004), 10_250)
    const text = await registry.metrics()
    assert.match(text, /^votestream_processing_seconds_count 3$/m)
    assert.match(text, /^votestream_processing_seconds_sum 0.26$/m)
    assert.match(text, /^votestream_processing_seconds_bucket\{le="0.2"\} 2$/m)
    assert.match(text, /^votestream_processing_seconds_bucket\{le="0.25"\} 3$/m)
  })
})
