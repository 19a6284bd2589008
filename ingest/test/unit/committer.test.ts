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

  it('tells what came of each append, and how long a batch took from its first one', async () => {
    const results: string[] = []
    const stored: { items: readonly string[]; seconds: number }[] = []
    const answers = ['unknown', 'stored'] as const
    let asked = 0
    let tellStored: () => void = () => undefined
    const done = new Promise<void>((resolve) => {
      tellStored = resolve
    })
    const committer = createCommitter<string>({
      machine: createGroupCommit({
        lastSequence: 0,
        newId: () => 'id',
        batchItemsMax: 10,
        batchBytesMax: 1_000,
        bytesOf: () => 1,
      }),
      log: { append: async () => answers[asked++] ?? 'stored', look: async () => 'end' },
      encode: () => new Uint8Array(),
      onStored: () => undefined,
      metrics: {
        appended: (result) => void results.push(result),
        stored({ items }, seconds) {
          stored.push({ items, seconds })
          tellStored()
        },
      },
    })
    for (const vote of ['one', 'two']) committer.add(vote)
    await done
    assert.deepEqual(results, ['unknown', 'stored'])
    assert.deepEqual(stored[0]?.items, ['one', 'two'])
    // The pause before it was appended again is in it: 100 ms.
    assert.ok((stored[0]?.seconds ?? 0) >= 0.09)
  })
})
