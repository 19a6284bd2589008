import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/**
 * A place in the code whose first objects live long, and whose later ones nobody keeps.
 * @returns the most bytes that were among the old ones at a time, those of the first objects among them
 */
const oldBytesMax = async (prepare: string): Promise<number> => {
  const program = `
import { getHeapSpaceStatistics } from 'node:v8'
${prepare}
const make = (value) => ({ value, next: undefined, open: true })
const oldBytes = () => getHeapSpaceStatistics().find((space) => space.space_name === 'old_space').space_used_size
const kept = []
for (let index = 0; index < 600_000; index += 1) kept.push(make({ index }))
let last
let most = 0
for (let index = 0; index < 3_000_000; index += 1) {
  last = make({ index })
  if (index % 50_000 === 0) most = Math.max(most, oldBytes())
}
console.log(most, kept.length, last.open)`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program])
  return Number(stdout.split(' ')[0])
}

const LIFECYCLE = new URL('../../src/lifecycle.js', import.meta.url).href
const IN_A_SERVICE = `
import { runService } from '${LIFECYCLE}'
await runService({ info: () => undefined }, async () => undefined)`

describe('objects that a service makes', () => {
  it('are not made among the old ones, though earlier ones lived long', async function () {
    this.timeout(30_000)
    const left = await oldBytesMax('')
    const inService = await oldBytesMax(IN_A_SERVICE)
    assert.ok(left > 100e6, `elsewhere ${left} bytes are old`)
    assert.ok(inService < 80e6, `in a service ${inService} bytes are old`)
  })
})
