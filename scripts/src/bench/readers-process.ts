// The viewers of a contender, in a process of their own: what they received is what counts as delivered.

import { setTimeout as pause } from 'node:timers/promises'
import { frameBytes } from '../load/frames.js'
import { type LiveSocket, openLiveSocket } from '../load/live-socket.js'
import { QUERY } from './fanout/shown-board.js'
import { quantile } from './median.js'

/** How a contender is spoken to. */
export type Dialect =
  | { readonly name: 'plain' }
  | { readonly name: 'socket.io' }
  | { readonly name: 'graphql'; readonly eventId: string; readonly token: string | undefined }

export type Order =
  | {
      readonly do: 'connect'
      readonly url: string
      readonly viewers: number
      readonly dialect: Dialect
      /** Besides these, so many that do not read on once they are shown something. */
      readonly stopped: number
    }
  | { readonly do: 'count' }
  | { readonly do: 'tell' }
  | { readonly do: 'leave' }

export interface Count {
  readonly received: number
  /** Of these messages, with the heads of their frames. */
  readonly bytes: number
  /** Messages whose version was not higher than the one before it on the same socket. */
  readonly backwards: number
  /** The fewest and the most votes on the board that any socket has now. */
  readonly votes: readonly [number, number]
  /** From when the board was given to the contender until it was read, milliseconds. */
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
}

/** So many sockets are opened at once. */
const OPENING = 200
/** One message in so many is asked for its age. */
const AGED = 7

interface Reader {
  socket: LiveSocket | undefined
  readonly stops: boolean
  version: number
  votes: number
}

let readers: Reader[] = []
let received = 0
let receivedBytes = 0
let backwards = 0
let ages: number[] = []

const take = (reader: Reader, data: Buffer): void => {
  const at = data.indexOf('"version":')
  if (at === -1) return
  if (reader.stops) {
    reader.socket?.pause()
    return
  }
  const version = Number.parseInt(data.toString('latin1', at + 10, at + 26), 10)
  if (version <= reader.version) backwards += 1
  reader.version = version
  const votesAt = data.indexOf('"totalVotes":', at)
  reader.votes = Number.parseInt(data.toString('latin1', votesAt + 13, votesAt + 29), 10)
  received += 1
  receivedBytes += frameBytes(data.length)
  if (received % AGED !== 0) return
  const asOf = data.indexOf('"asOf":"')
  ages.push(Date.now() - Date.parse(data.toString('latin1', asOf + 8, asOf + 32)))
}

/** From addresses of its own in turn, each has ports for a few ten thousand. */
const ADDRESSES = 4

const PATHS = { plain: '/', 'socket.io': '/socket.io/?EIO=4&transport=websocket', graphql: '/graphql' }

const open = (url: string, dialect: Dialect, stops = false): Promise<void> =>
  new Promise((resolve, reject) => {
    const reader: Reader = { socket: undefined, stops, version: 0, votes: 0 }
    const localAddress = `127.0.0.${1 + (readers.length % ADDRESSES)}`
    readers.push(reader)
    reader.socket = openLiveSocket({
      target: { host: '127.0.0.1', port: Number(new URL(url).port), isTls: false },
      host: '127.0.0.1',
      path: PATHS[dialect.name],
      protocol: dialect.name === 'graphql' ? 'graphql-transport-ws' : undefined,
      localAddress,
      onClose: (reason) => reject(new Error(reason)),
      onOpen(socket) {
        if (dialect.name === 'plain') resolve()
        if (dialect.name !== 'graphql') return
        const payload = dialect.token === undefined ? {} : { Authorization: `Bearer ${dialect.token}` }
        socket.send(JSON.stringify({ type: 'connection_init', payload }))
      },
      onText(data, socket) {
        if (data.length > 300) take(reader, data)
        else converse(String(data), dialect, socket, resolve, reject)
      },
    })
  })

/** What is said besides boards. */
const converse = (
  text: string,
  dialect: Dialect,
  socket: LiveSocket,
  resolve: () => void,
  reject: (error: Error) => void,
): void => {
  if (dialect.name === 'socket.io') {
    if (text.startsWith('0{')) socket.send('40')
    if (text.startsWith('40{')) resolve()
    if (text === '2') socket.send('3')
  }
  if (dialect.name === 'graphql' && text.includes('connection_ack')) {
    const payload = { query: QUERY, variables: { id: dialect.eventId } }
    socket.send(JSON.stringify({ id: crypto.randomUUID(), type: 'subscribe', payload }))
    resolve()
  }
  if (text.includes('"type":"error"')) reject(new Error(text))
}

const reset = (): void => {
  received = 0
  receivedBytes = 0
  backwards = 0
  ages = []
}

const follow = async (order: Order): Promise<unknown> => {
  switch (order.do) {
    case 'connect': {
      for (let opened = 0; opened < order.viewers; opened += OPENING) {
        const some = Math.min(OPENING, order.viewers - opened)
        await Promise.all(Array.from({ length: some }, () => open(order.url, order.dialect)))
      }
      await Promise.all(Array.from({ length: order.stopped }, () => open(order.url, order.dialect, true)))
      return { connected: readers.length }
    }
    case 'count':
      reset()
      return {}
    case 'tell': {
      const sorted = ages.sort((a, b) => a - b)
      const votes = readers.filter(({ stops }) => !stops).map((reader) => reader.votes)
      return {
        received,
        bytes: receivedBytes,
        backwards,
        votes: [Math.min(...votes), Math.max(...votes)],
        p50Ms: quantile(sorted, 0.5),
        p95Ms: quantile(sorted, 0.95),
        p99Ms: quantile(sorted, 0.99),
      } satisfies Count
    }
    case 'leave': {
      for (const { socket } of readers) socket?.terminate()
      readers = []
      await pause(200)
      return {}
    }
  }
}

process.on('message', (order: Order) => {
  follow(order).then(
    (answer) => process.send?.({ answer }),
    (error: unknown) => process.send?.({ error: String(error) }),
  )
})
process.on('disconnect', () => process.exit(0))
