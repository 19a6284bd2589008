import assert from 'node:assert/strict'
import { createHalts } from '@votestream/infra/halts'
import { createMetrics } from '@votestream/infra/health-server'
import type { Logger } from '@votestream/infra/logging'
import { shardNumber } from '@votestream/schema/numbers'
import { UnknownVersionError } from '@votestream/schema/votes'
import { createHalting } from '../../src/halting.js'

const shard = shardNumber(1)

const setUp = () => {
  const fatals: unknown[] = []
  // Only what halting calls.
  const logger = {
    fatal: (...said: unknown[]) => fatals.push(said),
    info: () => undefined,
  } as never as Logger
  const halts = createHalts(createMetrics())
  const abort = new AbortController()
  return { fatals, halts, abort, halting: createHalting({ logger, halts, againMs: 1 }) }
}

describe('a shard whose log was written by a newer version', () => {
  it('halts, says so once, and goes on by itself once it can be read', async () => {
    const { fatals, halts, abort, halting } = setUp()
    let runs = 0
    const said: (readonly string[])[] = []
    await halting(shard, abort.signal, async (learned) => {
      runs += 1
      said.push(halts.list())
      if (runs < 5) throw new UnknownVersionError('LogMessage of version 9')
      learned()
      said.push(halts.list())
    })
    assert.equal(fatals.length, 1)
    const halted = ['ingest of shard 1 halted: LogMessage of version 9']
    assert.deepEqual(said, [[], halted, halted, halted, halted, []])
  })

  it('stays halted while something else fails, and is not said again', async () => {
    const { fatals, halts, abort, halting } = setUp()
    let runs = 0
    const run = async () => {
      runs += 1
      throw runs === 2 ? new Error('the broker is away') : new UnknownVersionError('version 9')
    }
    await assert.rejects(halting(shard, abort.signal, run), /away/)
    assert.equal(halts.list().length, 1)
    const again = halting(shard, abort.signal, run)
    while (runs < 5) await new Promise(setImmediate)
    abort.abort()
    await again
    assert.equal(fatals.length, 1)
  })

  it('is halted no longer for who has lost its lease', async () => {
    const { halts, abort, halting } = setUp()
    const halted = halting(shard, abort.signal, async () => {
      throw new UnknownVersionError('version 9')
    })
    while (halts.list().length === 0) await new Promise(setImmediate)
    abort.abort()
    await halted
    assert.deepEqual(halts.list(), [])
  })
})
