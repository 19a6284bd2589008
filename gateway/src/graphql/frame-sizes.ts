/** Reads along what a peer sends on a WebSocket, and looks at nothing but how large its frames say they are. */
export interface FrameSizes {
  /** @returns whether every frame that begins in these bytes, or before, is small enough */
  fits(bytes: Uint8Array): boolean
}

/**
 * The library bounds messages, whose frames it puts together, and not the frames. RFC 6455, 5.2: a frame's head is two
 * bytes, of which the second one has the length or says that it comes in the next two or eight; four bytes of a mask
 * follow where its highest bit is set.
 * @param payloadBytesMax of one frame
 */
export const createFrameSizes = (payloadBytesMax: number): FrameSizes => {
  const head: number[] = []
  /** Of the frame that is being read. */
  let payloadLeft = 0
  let fit = true

  const readHead = (byte: number): void => {
    head.push(byte)
    const size = headSize(head[1])
    if (size === undefined || head.length < size) return
    payloadLeft = payloadLength(head)
    fit = payloadLeft <= payloadBytesMax
    head.length = 0
  }

  return {
    fits(bytes) {
      for (let at = 0; fit && at < bytes.length; ) {
        const skipped = Math.min(payloadLeft, bytes.length - at)
        payloadLeft -= skipped
        at += skipped
        if (skipped === 0) readHead(bytes[at++] ?? 0)
      }
      return fit
    },
  }
}

const MASKED = 0x80

/** Undefined before the second byte is there. */
const headSize = (second: number | undefined): number | undefined => {
  if (second === undefined) return undefined
  return 2 + lengthBytes(second) + (second & MASKED ? 4 : 0)
}

const lengthBytes = (second: number): number => {
  const length = second & ~MASKED
  if (length === 127) return 8
  return length === 126 ? 2 : 0
}

const payloadLength = (head: readonly number[]): number => {
  const second = head[1] ?? 0
  const count = lengthBytes(second)
  if (count === 0) return second & ~MASKED
  return head.slice(2, 2 + count).reduce((length, byte) => length * 256 + byte, 0)
}
