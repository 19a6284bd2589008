import assert from 'node:assert/strict'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { planTests, runInLanes, type TestGroup } from '../../src/test-lanes.js'

const passed = { passed: 1, failed: 0, failedFiles: [] }

describe('lanes of tests', () => {
  it('have unit tests in one process, every other file in its own, and what measures alone', () => {
    const [unit, other, system, bench] = [
      'infra/dist/test/unit/a.test.js',
      'schema/dist/test/unit/b.test.js',
      'gateway/dist/test/integration/c.test.js',
      'scripts/dist/test/integration/bench-parts.test.js',
    ] as const
    assert.deepEqual(planTests([unit, other, system, bench]), {
      together: [[unit, other], [system]],
      alone: [[bench]],
    })
    assert.deepEqual(planTests([system]), { together: [[system]], alone: [] })
  })

  it('run every group once, as many at a time as there are', async () => {
    const groups = Array.from({ length: 7 }, (_, at) => [`${at}`])
    const ran: string[] = []
    let running = 0
    let most = 0
    const outcome = await runInLanes(groups, 2, async ([file = '']: TestGroup) => {
      ran.push(file)
      running += 1
      most = Math.max(most, running)
      await nextTurn()
      running -= 1
      return passed
    })
    assert.deepEqual([ran.length, new Set(ran).size, most], [7, 7, 2])
    assert.deepEqual(outcome, { passed: 7, failed: 0, failedFiles: [] })
  })

  it('count a group that ends without a result as failed', async () => {
    const outcome = await runInLanes([['a', 'b'], ['c']], 1, async (group) =>
      group.length === 2 ? undefined : passed,
    )
    assert.deepEqual(outcome, { passed: 1, failed: 1, failedFiles: ['a', 'b'] })
  })
})
