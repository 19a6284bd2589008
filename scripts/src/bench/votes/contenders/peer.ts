import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What a peer keeps its votes in. */
export interface PeerStores {
  readonly natsUrl: string
  readonly redisUrl: string
}

/** A peer's side of the conversation with the bench: it is told its stores, and says where it listens. */
export const servePeer = (start: (stores: PeerStores) => Promise<Server>): void => {
  process.on('disconnect', () => process.exit(0))
  process.once('message', (stores: PeerStores) => {
    void start(stores).then((server) => {
      const listening = (): unknown => process.send?.({ port: (server.address() as AddressInfo).port })
      if (server.listening) listening()
      else server.listen(0, '127.0.0.1', listening)
    })
  })
}
