/** RFC 6455, 5.2: the last frame of a message, and it is text. */
const FINAL_TEXT = 0x81
/** Lengths from here on stand in two bytes of their own, and from the second on in eight. */
const TWO_BYTES_FROM = 126
const EIGHT_BYTES_FROM = 65_536

/** Frames are cut from a large piece of memory: a piece for each costs more than what is written into it. */
const SLAB_BYTES = 256 * 1024
let slab = Buffer.alloc(0)
let used = 0

const cut = (bytes: number): Buffer => {
  if (bytes > SLAB_BYTES / 8) return Buffer.allocUnsafeSlow(bytes)
  if (used + bytes > slab.length) {
    slab = Buffer.allocUnsafeSlow(SLAB_BYTES)
    used = 0
  }
  used += bytes
  return slab.subarray(used - bytes, used)
}

/** A message of a server, whole, as it goes over the wire: frames of a server are not masked. */
export const textFrame = (pieces: readonly Buffer[]): Buffer => {
  let length = 0
  for (const piece of pieces) length += piece.length
  const headBytes = length < TWO_BYTES_FROM ? 2 : length < EIGHT_BYTES_FROM ? 4 : 10
  const frame = cut(headBytes + length)
  frame[0] = FINAL_TEXT
  if (headBytes === 2) frame[1] = length
  else if (headBytes === 4) {
    frame[1] = TWO_BYTES_FROM
    frame.writeUInt16BE(length, 2)
  } else {
    frame[1] = TWO_BYTES_FROM + 1
    frame.writeBigUInt64BE(BigInt(length), 2)
  }
  let at = headBytes
  for (const piece of pieces) at += piece.copy(frame, at)
  return frame
}
