import assert from 'node:assert/strict'
import { shardNumber } from '@votestream/schema/numbers'
import { Registry } from 'prom-client'
import { createHalts } from '../../src/halts.js'

describe('halts', () => {
  it('say which shard of whom stands still and why, and its gauge is 1, until it goes on', async () => {
    const registry = new Registry()
    const halts = createHalts(registry)
    halts.set('tally', shardNumber(1), 'first')
    halts.set('tally', shardNumber(1), 'message 7 is of version 3')
    halts.set('archive', shardNumber(1), 'message 7 is of version 3')
    assert.deepEqual(halts.list(), [
      'tally of shard 1 halted: message 7 is of version 3',
      'archive of shard 1 halted: message 7 is of version 3',
    ])
    assert.match(await registry.metrics(), /votestream_shard_halted\{role="tally",shard="1"\} 1/)
    halts.clear('tally', shardNumber(1))
    assert.deepEqual(halts.list(), ['archive of shard 1 halted: message 7 is of version 3'])
    assert.match(await registry.metrics(), /votestream_shard_halted\{role="tally",shard="1"\} 0/)
  })
})
