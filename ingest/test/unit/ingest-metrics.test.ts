import assert from 'node:assert/strict'
import { shardNumber } from '@votestream/schema/numbers'
import { Registry } from 'prom-client'
import { createIngestMetrics } from '../../src/ingest-metrics.js'

describe('the figures of a shard’s owner', () => {
  it('count each outcome by its shard, over all the times that the shard was owned here', async () => {
    const registry = new Registry()
    const metrics = createIngestMetrics(registry, 100)
    metrics.ofShard(shardNumber(1)).decided(['accepted', 'duplicate', 'accepted'])
    metrics.ofShard(shardNumber(1)).decided(['accepted'])
    metrics.ofShard(shardNumber(1)).counted('pending', 2)
    metrics.ofShard(shardNumber(0)).counted('not_mine', 5)
    const text = await registry.metrics()
    for (const line of [
      'votestream_votes_total{shard="1",outcome="accepted"} 3',
      'votestream_votes_total{shard="1",outcome="duplicate"} 1',
      'votestream_votes_total{shard="1",outcome="pending"} 2',
      'votestream_votes_total{shard="1",outcome="closed"} 0',
      'votestream_votes_total{shard="0",outcome="not_mine"} 5',
    ]) {
      assert.ok(text.includes(`${line}\n`), line)
    }
  })

  it('tell how much waits in the fullest shard that is owned here, and how often there was no room', () => {
    const metrics = createIngestMetrics(new Registry(), 100)
    const [zero, one] = [metrics.ofShard(shardNumber(0)), metrics.ofShard(shardNumber(1))]
    assert.equal(metrics.commitQueue.depth(), 0)
    const forget = zero.follow(() => 7)
    one.follow(() => 3)
    assert.equal(metrics.commitQueue.depth(), 7)
    forget()
    one.turnedAway()
    const { bound } = metrics.commitQueue
    assert.deepEqual([metrics.commitQueue.depth(), bound, metrics.commitQueue.refused()], [3, 100, 1])
  })
})
