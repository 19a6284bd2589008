import assert from 'node:assert/strict'
import { type TestOutcome, withSecondTry } from '../../src/second-try.js'

const outcome = (passed: number, ...failedFiles: string[]): TestOutcome => ({
  passed,
  failed: failedFiles.length,
  failedFiles,
})

/** Answers with one outcome after the other, and notes what it was asked for. */
const runs = (...outcomes: (TestOutcome | undefined)[]) => {
  const asked: (readonly string[])[] = []
  const run = async (files: readonly string[]) => {
    asked.push(files)
    return outcomes[asked.length - 1]
  }
  return { asked, run }
}

describe('a second try of test files', () => {
  it('is not made when all pass', async () => {
    const { asked, run } = runs(outcome(9))
    assert.deepEqual(await withSecondTry(run, ['a', 'b']), { ...outcome(9), unsteadyFiles: [] })
    assert.deepEqual(asked, [['a', 'b']])
  })

  it('runs what failed, alone, and tells what passes then as unsteady', async () => {
    const { asked, run } = runs(outcome(7, 'a', 'b'), outcome(3, 'b'))
    assert.deepEqual(await withSecondTry(run, ['a', 'b', 'c']), {
      ...outcome(8, 'b'),
      unsteadyFiles: ['a'],
    })
    assert.deepEqual(asked, [
      ['a', 'b', 'c'],
      ['a', 'b'],
    ])
  })

  it('is not made when much fails, nor does it help a run that breaks off', async () => {
    const much = runs(outcome(1, 'a', 'b', 'c', 'd'))
    assert.equal((await withSecondTry(much.run, ['a', 'b', 'c', 'd']))?.failed, 4)
    assert.equal(much.asked.length, 1)
    assert.equal(await withSecondTry(runs(undefined).run, ['a']), undefined)
    assert.equal(await withSecondTry(runs(outcome(1, 'a'), undefined).run, ['a']), undefined)
  })
})
