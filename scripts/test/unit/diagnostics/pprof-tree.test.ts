import assert from 'node:assert/strict'
import { gzipSync } from 'node:zlib'
import { Function as Called, Line, Location, Profile, Sample, StringTable, ValueType } from 'pprof-format'
import { readPprof } from '../../../src/diagnostics/pprof-tree.js'
import { profilePage } from '../../../src/diagnostics/profile-page.js'

const FILE = 'file:///x/gateway/dist/src/votes.js'

const encoded = (
  stacks: readonly (readonly [stack: readonly string[], nanoseconds: number])[],
): Uint8Array => {
  const stringTable = new StringTable()
  const names = [...new Set(stacks.flatMap(([stack]) => stack))]
  const profile = new Profile({
    sampleType: [
      new ValueType({ type: stringTable.dedup('sample'), unit: stringTable.dedup('count') }),
      new ValueType({ type: stringTable.dedup('wall'), unit: stringTable.dedup('nanoseconds') }),
    ],
    function: names.map((name, index) => {
      const filename = stringTable.dedup(name.startsWith('(') ? '' : FILE)
      return new Called({ id: index + 1, name: stringTable.dedup(name), filename })
    }),
    location: names.map((_name, index) => {
      const line = new Line({ functionId: index + 1, line: 10 + index })
      return new Location({ id: index + 1, line: [line] })
    }),
    sample: stacks.map(([stack, nanoseconds]) => {
      const locationId = stack.map((name) => names.indexOf(name) + 1)
      return new Sample({ locationId, value: [1, nanoseconds] })
    }),
    stringTable,
  })
  return gzipSync(profile.encode())
}

describe('a profile in pprof’s format', () => {
  // The innermost function comes first.
  const bytes = encoded([
    [['verify', 'submit'], 60_000_000],
    [['submit'], 10_000_000],
    [['verify', 'submit'], 20_000_000],
    [['(garbage collector)'], 10_000_000],
  ])

  it('is read as a tree, with what each function cost by itself', () => {
    const { tree, unit, total, own } = readPprof(bytes)
    assert.deepEqual([unit, total], ['nanoseconds', 100_000_000])
    assert.deepEqual(
      own.map(({ name, value }) => [name, value]),
      [
        ['verify', 80_000_000],
        ['submit', 10_000_000],
        ['(garbage collector)', 10_000_000],
      ],
    )
    assert.deepEqual(
      tree.nodes.map(({ callFrame, children }) => [callFrame.functionName, children]),
      [
        ['(root)', [2, 4]],
        ['submit', [3]],
        ['verify', []],
        ['(garbage collector)', []],
      ],
    )
  })

  it('becomes a page with a flame graph that needs nothing else', async () => {
    const page = await profilePage('gateway: cpu', '1 s of gateway', readPprof(bytes))
    assert.match(page, /<title>verify gateway\/dist\/src\/votes\.js:10 80\.0 %<\/title>/)
    assert.match(
      page,
      /<td>verify<\/td><td>gateway\/dist\/src\/votes\.js:10<\/td><td>80 ms<\/td><td>80\.0 %<\/td>/,
    )
    assert.match(page, /all together 100 ms/)
    assert.doesNotMatch(page, /<script|<link|src=/)
  })

  it('of nothing is a page as well', async () => {
    const page = await profilePage('gateway: cpu', '1 s of gateway', readPprof(encoded([])))
    assert.match(page, /all together 0 ms/)
  })
})
