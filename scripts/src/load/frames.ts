import { randomBytes } from 'node:crypto'

/** What a server sends in one WebSocket frame (RFC 6455), or in several that belong together. */
export interface Frame {
  readonly opcode: number
  readonly payload: Buffer
}

export const OPCODE = { more: 0, text: 1, close: 8, ping: 9, pong: 10 } as const

/**
 * Gives what is in the bytes of one connection, each once it is whole.
 * @param onFrame its payload is only good until it returns: the bytes are read into the same memory again
 */
export const createFrameReader = (onFrame: (frame: Frame) => void): ((bytes: Buffer) => void) => {
  let rest: Buffer | undefined
  let begun: Frame | undefined
  const take = (isLast: boolean, opcode: number, payload: Buffer): void => {
    const isPart = opcode === OPCODE.more && begun
    const whole = isPart
      ? { ...isPart, payload: Buffer.concat([isPart.payload, payload]) }
      : { opcode, payload }
    if (!isLast) begun = isPart ? whole : { opcode, payload: Buffer.from(payload) }
    else {
      // Between the parts of a text there may be a ping.
      if (isPart) begun = undefined
      onFrame(whole)
    }
  }
  return (bytes) => {
    const all = rest ? Buffer.concat([rest, bytes]) : bytes
    let at = 0
    for (let end = frameEnd(all, at); end !== undefined; end = frameEnd(all, at)) {
      const first = all[at] ?? 0
      const payload = all.subarray(end - payloadLength(all, at), end)
      at = end
      take((first & 128) !== 0, first & 15, payload)
    }
    // A copy: what was read is overwritten.
    rest = at < all.length ? Buffer.from(all.subarray(at)) : undefined
  }
}

const headLength = (bytes: Buffer, at: number): number => {
  const code = (bytes[at + 1] ?? 0) & 127
  return code === 127 ? 10 : code === 126 ? 4 : 2
}

const payloadLength = (bytes: Buffer, at: number): number => {
  const code = (bytes[at + 1] ?? 0) & 127
  if (code === 127) return bytes.readUIntBE(at + 4, 6)
  return code === 126 ? bytes.readUInt16BE(at + 2) : code
}

/** Where the frame that begins there ends; undefined while it is not all there. */
const frameEnd = (bytes: Buffer, at: number): number | undefined => {
  if (bytes.length < at + 2 || bytes.length < at + headLength(bytes, at)) return undefined
  const end = at + headLength(bytes, at) + payloadLength(bytes, at)
  return bytes.length < end ? undefined : end
}

/** What a server sends for a payload of so many bytes. */
export const frameBytes = (payload: number): number =>
  payload + (payload > 65_535 ? 10 : payload > 125 ? 4 : 2)

/** A frame as a client sends it: masked. @param payload up to 65,535 bytes */
export const clientFrame = (opcode: number, payload: Buffer): Buffer => {
  const long = payload.length > 125
  const head = Buffer.alloc(long ? 8 : 6)
  head[0] = 128 | opcode
  head[1] = 128 | (long ? 126 : payload.length)
  if (long) head.writeUInt16BE(payload.length, 2)
  const mask = randomBytes(4)
  mask.copy(head, head.length - 4)
  const masked = payload.map((byte, index) => byte ^ (mask[index & 3] ?? 0))
  return Buffer.concat([head, masked])
}
