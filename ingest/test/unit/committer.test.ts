import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { createCommitter, OwnershipLostError } from '../../src/committer.js'
import { createGroupCommit } from '../../src/group-commit.js'
import type { VoteLog } from '../../src/vote-log.js'

const foreign: VoteLog = {
  append: async () => 'refused',
  look: async () => 'foreign',
}

describe('the committer', () => {
  it('an owner that has lost its shard leaves nothing behind on the signal of its lease', async () => {
    const lease = new AbortController()
    const committer = createCommitter<string>({
      machine: createGroupCommit({
        lastSequence: 0,
        newId: () => 'id',
        batchItemsMax: 10,
        batchBytesMax: 1_000,
        bytesOf: () => 1,
      }),
      log: foreign,
      encode: () => new Uint8Array(),
      onStored: () => undefined,
    })
    const lost = committer.lostOr(lease.signal)
    committer.add('vote')
    await assert.rejects(lost, OwnershipLostError)
    assert.equal(getEventListeners(lease.signal, 'abort').length, 0)
  })
})
