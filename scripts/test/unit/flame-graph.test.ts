import assert from 'node:assert/strict'
import { type CpuProfile, flameGraph } from '../../src/report/flame-graph.js'

const node = (
  id: number,
  functionName: string,
  url: string,
  children: number[],
): CpuProfile['nodes'][number] => ({
  id,
  callFrame: { functionName, url, lineNumber: 8 },
  children,
})

describe('a flame graph', () => {
  it('is as wide as a function took long, with what it called, and without time in which nothing was done', () => {
    const svg = flameGraph({
      nodes: [
        node(1, '(root)', '', [2, 5]),
        node(2, 'a<b', 'file:///x/gateway/dist/src/votes.js', [3, 4]),
        node(3, 'emit', 'node:events', []),
        node(4, 'send', 'file:///x/node_modules/.pnpm/f@1/node_modules/f/lib/s.js', []),
        node(5, '(idle)', '', []),
      ],
      samples: [2, 3, 4, 5, 3],
      timeDeltas: [10, 20, 10, 1_000, 40],
    })
    const titles = [...svg.matchAll(/<title>(.*?)<\/title><rect x="([\d.]+)" y="(\d+)" width="([\d.]+)"/g)]
    assert.deepEqual(
      titles.map(([, ...found]) => found),
      [
        ['(root)  100.0 %', '0.0', '0', '1200.0'],
        ['a&lt;b gateway/dist/src/votes.js:9 100.0 %', '0.0', '17', '1200.0'],
        ['emit node:events:9 75.0 %', '0.0', '34', '900.0'],
        ['send f/lib/s.js:9 12.5 %', '900.0', '34', '150.0'],
      ],
    )
  })

  it('of nothing is empty', () => {
    assert.doesNotMatch(
      flameGraph({ nodes: [node(1, '(root)', '', [])], samples: [], timeDeltas: [] }),
      /rect/,
    )
  })
})
