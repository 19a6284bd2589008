import assert from 'node:assert/strict'
import fc from 'fast-check'
import { createFrameSizes } from '../../src/graphql/frame-sizes.js'

const MAX = 32 * 1024

/** A frame of a client, RFC 6455, 5.2. */
const frame = (length: number, masked = true): Buffer => {
  const mask = masked ? 0x80 : 0
  const head =
    length < 126
      ? Buffer.of(0x81, mask | length)
      : length < 65_536
        ? Buffer.of(0x81, mask | 126, length >> 8, length & 0xff)
        : Buffer.concat([Buffer.of(0x81, mask | 127), bigLength(length)])
  return Buffer.concat([head, Buffer.alloc(masked ? 4 : 0, 0xff), Buffer.alloc(length, 0xff)])
}
const bigLength = (length: number): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(length))
  return bytes
}

describe('the sizes of frames', () => {
  it('are known however the bytes are cut', () => {
    const lengths = fc.array(
      fc.oneof(fc.nat(200), fc.integer({ min: MAX - 2, max: MAX + 2 }), fc.constant(70_000)),
      {
        maxLength: 6,
      },
    )
    const cuts = fc.array(fc.integer({ min: 1, max: 50_000 }), { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(lengths, cuts, fc.boolean(), (sizes, pieces, masked) => {
        const bytes = Buffer.concat(sizes.map((size) => frame(size, masked)))
        const reader = createFrameSizes(MAX)
        let fits = true
        for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
          const piece = pieces[turn % pieces.length] ?? 1
          fits = reader.fits(bytes.subarray(at, at + piece))
          at += piece
        }
        assert.equal(
          fits,
          sizes.every((size) => size <= MAX),
        )
      }),
      { numRuns: 200 },
    )
  })

  it('a frame that is announced is refused before it comes', () => {
    assert.equal(createFrameSizes(MAX).fits(frame(2 ** 20).subarray(0, 14)), false)
    assert.equal(createFrameSizes(MAX).fits(Buffer.from([0x81, 0xff, ...Array(12).fill(0xff)])), false)
  })
})
