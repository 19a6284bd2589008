import assert from 'node:assert/strict'
import { amount, multiple } from '../../../src/capacity/number-format.js'

describe('amounts', () => {
  it('have three digits that count and a prefix where the unit takes one', () => {
    const shown: readonly (readonly [number, string, string])[] = [
      [0.144, 'bytes', '0.144 bytes'],
      [62, 'bytes', '62 bytes'],
      [12_288_000_000, 'bytes', '11.4 GiB'],
      [1023 * 1024, 'bytes', '1023 KiB'],
      [52_000_000_000, 'bit/s', '52 Gbit/s'],
      [1_000_000_000, 'bit/s', '1 Gbit/s'],
      [999, 'bit/s', '999 bit/s'],
      [54_080, 'messages/s', '54,080 messages/s'],
      [28.236, 'µs', '28.2 µs'],
      [152_845.4, 'votes/s', '152,845 votes/s'],
      [0, 'nodes', '0 nodes'],
    ]
    for (const [value, unit, text] of shown) assert.equal(amount(value, unit), text)
  })

  it('never round a multiple up to what it does not reach', () => {
    assert.equal(multiple(1.999), '1.99')
    assert.equal(multiple(2), '2.00')
    assert.equal(multiple(2.08), '2.08')
  })
})
