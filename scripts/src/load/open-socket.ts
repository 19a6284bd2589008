import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Target } from './protocol.js'

/** All connections are read into this, one after the other: what is kept of it is copied. */
const memory = Buffer.allocUnsafe(256 * 1024)

/**
 * A connection whose bytes are not copied into buffers of their own.
 * @param onBytes they are only good until it returns
 * @param localAddress each address of one's own has ports for a few ten thousand connections
 */
export const openSocket = (
  { host, port, isTls }: Target,
  onBytes: (bytes: Buffer) => void,
  localAddress?: string,
): Socket => {
  const callback = (length: number): boolean => {
    onBytes(memory.subarray(0, length))
    return true
  }
  const place = {
    host,
    port,
    onread: { buffer: memory, callback },
    ...(localAddress ? { localAddress } : {}),
  }
  if (!isTls) return connectTcp({ ...place, noDelay: true })
  // An address is no name of a server.
  const named = isIP(host) ? {} : { servername: host }
  return connectTls({ ...place, ...named, ALPNProtocols: ['http/1.1'] }).setNoDelay(true)
}
