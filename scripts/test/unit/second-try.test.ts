import assert from 'node:assert/strict'
import { type TestOutcome, withSecondTry } from '../../src/second-try.js'

const outcome = (passed: number, ...failedFiles: string[]): TestOutcome => ({
  passed,
  failed: failedFiles.length,
  failedFiles,
})

describe('a second try of test files', () => {
  it('is not made when all pass', async () => {
    const never = () => Promise.reject(new Error('nothing failed'))
    assert.deepEqual(await withSecondTry(outcome(9), never), { ...outcome(9), unsteadyFiles: [] })
  })

  it('runs what failed, alone, and tells what passes then as unsteady', async () => {
    const asked: (readonly string[])[] = []
    const tried = await withSecondTry(outcome(7, 'a', 'b'), async (files) => {
      asked.push(files)
      return outcome(3, 'b')
    })
    assert.deepEqual(tried, { ...outcome(8, 'b'), unsteadyFiles: ['a'] })
    assert.deepEqual(asked, [['a', 'b']])
  })

  it('is not made when much fails', async () => {
    const much = outcome(1, 'a', 'b', 'c', 'd', 'e', 'f')
    const never = () => Promise.reject(new Error('that is no accident'))
    assert.equal((await withSecondTry(much, never)).failed, 6)
  })
})
