import assert from 'node:assert/strict'
import { reportPage } from '../../src/report/page.js'

describe('a page of figures', () => {
  it('holds its tables and charts, and needs nothing else', async () => {
    const page = await reportPage({
      title: 'Figures <1>',
      about: 'today',
      tables: [
        {
          title: 'All',
          rows: [
            ['what', 'how much'],
            ['a & b', '3 µs'],
          ],
        },
      ],
      charts: [
        { title: 'Bars', unit: 'µs', x: ['one', 'two'], series: [{ name: 'ours', values: [1, null] }] },
        {
          title: 'Lines',
          unit: '/s',
          x: [1, 2],
          xLabel: 'seconds',
          series: [{ name: 'all', values: [1, 2] }],
        },
      ],
    })
    assert.match(page, /<h1>Figures &lt;1&gt;<\/h1>/)
    assert.match(page, /<td>a &amp; b<\/td><td>3 µs<\/td>/)
    assert.equal(page.match(/<svg /g)?.length, 2)
    // The bar with a value, the axis of the scale.
    assert.match(page, /x: one; µs: 1; name: ours/)
    assert.doesNotMatch(page, /x: two; µs: /)
    assert.match(page, />seconds</)
    assert.doesNotMatch(page, /<script|<link|src=/)
  })
})
