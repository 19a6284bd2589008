import assert from 'node:assert/strict'
import { BASE, nameOf, shapesOf } from '../../src/bench/scale/shapes.js'

describe('the shapes that are compared', () => {
  it('are the base and those that differ in one thing, none twice', () => {
    const shapes = shapesOf({ gateways: [1, 2], owners: [2], shards: [1, 2, 16] })
    assert.deepEqual(shapes.map(nameOf), [
      '1 gateway, 1 ingest and 1 processor, 2 shards',
      '2 gateways, 1 ingest and 1 processor, 2 shards',
      '1 gateway, 2 ingests and 2 processors, 2 shards',
      '1 gateway, 1 ingest and 1 processor, 1 shard',
      '1 gateway, 1 ingest and 1 processor, 16 shards',
    ])
    assert.deepEqual(shapesOf({ gateways: [], owners: [], shards: [] }), [BASE])
  })
})
