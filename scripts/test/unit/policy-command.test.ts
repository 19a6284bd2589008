import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type PolicyRow, readPolicy } from '@votestream/gateway/policy'

const command = fileURLToPath(new URL('../../src/policy.js', import.meta.url))

describe('npm run policy', function () {
  this.timeout(20_000)
  let rows: PolicyRow[]

  before(async () => {
    rows = await readPolicy()
    assert.ok(rows.length > 10)
  })

  const run = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [command, ...args], { encoding: 'utf8' })
    return { status, stdout, stderr }
  }
  const assertWhole = (text: string): void => {
    for (const { operation, routes, fields, scope } of rows) {
      for (const told of [operation, scope, ...routes, ...fields]) assert.ok(text.includes(told), told)
    }
  }

  it('prints every operation with its scope, its routes and its fields', () => {
    const { status, stdout, stderr } = run()
    assert.deepEqual([status, stderr], [0, ''])
    assertWhole(stdout)
    assert.doesNotMatch(stdout, /^\|/m)
  })

  it('prints the same in Markdown, each line with as many columns', () => {
    const { status, stdout } = run('--markdown')
    assert.equal(status, 0)
    assertWhole(stdout)
    const columns = stdout
      .trim()
      .split('\n')
      .map((line) => line.split(' | ').length)
    assert.deepEqual([...new Set(columns)], [5])
    assert.match(stdout.split('\n')[1] ?? '', /^\|[ |-]+\|$/)
  })

  it('prints the same as JSON', () => {
    const { status, stdout } = run('--json')
    assert.equal(status, 0)
    assert.deepEqual(JSON.parse(stdout), JSON.parse(JSON.stringify(rows)))
  })

  it('ends with 2 for an option that there is not, and names it', () => {
    for (const [arg, named] of [
      ['--xml', "'--xml'"],
      ['--json=yes', "'--json'"],
      ['everything', "'everything'"],
    ] as const) {
      const { status, stdout, stderr } = run(arg)
      assert.deepEqual([status, stdout], [2, ''], arg)
      assert.ok(stderr.includes(named) && stderr.includes('npm run policy'), stderr)
    }
  })
})
