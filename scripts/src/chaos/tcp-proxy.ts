import { connect, createServer, type Socket } from 'node:net'

/**
 * What happens to a server's connections: `pass`; `cut`: all are ended and new ones refused; `delay`: every
 * byte comes late, in order; `half-open`: those that are open fall silent for good and nobody is told, new
 * ones work.
 */
export type ProxyFault = 'cut' | 'delay' | 'half-open'

export interface TcpProxy {
  readonly port: number
  begin(fault: ProxyFault): void
  /** Back to `pass`. Connections that fell silent stay so: noticing it is their clients' part. */
  end(): void
  close(): Promise<void>
}

const DELAY_MS = 60

interface Pair {
  readonly client: Socket
  readonly server: Socket
  silent: boolean
}

/** A door of 127.0.0.1 in front of a server of 127.0.0.1. */
export const startTcpProxy = async (toPort: number): Promise<TcpProxy> => {
  const pairs = new Set<Pair>()
  let fault: ProxyFault | undefined

  const forward = (pair: Pair, from: Socket, to: Socket): void => {
    from.on('data', (bytes) => {
      if (pair.silent) return
      const write = () => {
        if (pair.silent || to.destroyed || to.write(bytes)) return
        from.pause()
        to.once('drain', () => from.resume())
      }
      // The delay is the same for all, so nothing overtakes; what waits is bounded by what TCP lets through.
      if (fault === 'delay') setTimeout(write, DELAY_MS)
      else write()
    })
  }
  const end = (pair: Pair): void => {
    pairs.delete(pair)
    pair.client.destroy()
    pair.server.destroy()
  }

  const door = createServer((client) => {
    if (fault === 'cut') {
      client.destroy()
      return
    }
    const pair: Pair = { client, server: connect(toPort, '127.0.0.1'), silent: false }
    pairs.add(pair)
    forward(pair, client, pair.server)
    forward(pair, pair.server, client)
    for (const socket of [client, pair.server]) {
      socket.setNoDelay(true)
      socket.on('error', () => end(pair))
      socket.on('close', () => end(pair))
    }
  })
  await new Promise<void>((resolve, reject) => {
    door.once('error', reject)
    door.listen(0, '127.0.0.1', resolve)
  })
  const address = door.address()
  if (typeof address !== 'object' || address === null) throw new Error('the proxy has no port')
  return {
    port: address.port,
    begin(next) {
      fault = next
      if (next === 'cut') for (const pair of pairs) end(pair)
      if (next === 'half-open') for (const pair of pairs) pair.silent = true
    },
    end() {
      fault = undefined
    },
    async close() {
      for (const pair of pairs) end(pair)
      await new Promise((resolve) => door.close(resolve))
    },
  }
}
