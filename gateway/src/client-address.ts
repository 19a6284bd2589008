import type { IncomingMessage } from 'node:http'
import proxyAddress from '@fastify/proxy-addr'

/** Where requests come from, also where proxies stand between. */
export interface ClientAddresses {
  /** The last address that no trusted proxy vouches for. */
  of(request: IncomingMessage): string
  readonly trust: (address: string, hop: number) => boolean
}

/**
 * @param proxies addresses and networks whose `X-Forwarded-For` is believed; whoever else sends one could call itself
 *   whatever it likes
 * @throws TypeError for what is no address
 */
export const createClientAddresses = (proxies: readonly string[]): ClientAddresses => {
  const trust = proxyAddress.compile([...proxies])
  // Where nobody vouches for anybody it is the peer's, which every request is asked for.
  const ofPeer = ({ socket }: IncomingMessage): string => socket.remoteAddress ?? ''
  return { trust, of: proxies.length === 0 ? ofPeer : (request) => proxyAddress(request, trust) }
}
