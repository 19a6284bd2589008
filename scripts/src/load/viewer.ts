import { type LiveSocket, type LiveSocketOptions, openLiveSocket } from './live-socket.js'
import type { ObservedBoard, Observer } from './observer.js'
import { settling } from './settling.js'
import { targetOf } from './target.js'

export interface ViewerOptions {
  /** `ws://host:port/graphql`. */
  readonly url: string
  readonly eventId: string
}

/** Somebody who follows a board over graphql-transport-ws, and comes back when the connection ends. */
export interface Viewer {
  /** Resolves with the first board. @throws Error when the subscription is refused. */
  readonly shown: Promise<void>
  readonly reconnects: number
  /** Boards whose version was not higher than the one before it. */
  readonly backwards: number
  close(): void
}

/** What every viewer asks for. */
export const BOARD_SUBSCRIPTION =
  'subscription Board($id: ID!) { leaderboardChanged(eventId: $id) { version totalVotes asOf ' +
  'standings { rank totalVotes share contestant { id name } } } }'
const AGAIN_MS = 200

interface Next {
  readonly payload: { readonly data?: { readonly leaderboardChanged?: ObservedBoard } }
}

/** @param onBoard hears of every board */
export const openViewer = (
  { url, eventId }: ViewerOptions,
  token: string,
  onBoard: (version: number, asOf: () => string, isFirst: boolean) => void,
  observer: Pick<Observer, 'see'> | null,
): Viewer => {
  let version = -1
  let reconnects = -1
  let backwards = 0
  let isClosed = false
  let socket: LiveSocket
  const place = placeOf(url)
  const { promise: shown, resolve, reject } = settling<void>()

  const take = (data: Buffer, isFirst: boolean): void => {
    const shownVersion = numberBehind(data, '"version":')
    if (!isFirst && shownVersion <= version) backwards += 1
    version = shownVersion
    onBoard(shownVersion, () => textBehind(data, '"asOf":"'), isFirst)
    if (observer) {
      // What was subscribed to is what comes.
      const board = (JSON.parse(data.toString()) as Next).payload.data?.leaderboardChanged
      if (board) observer.see(board)
    }
    resolve()
  }

  const open = (): void => {
    reconnects += 1
    let isFirst = true
    socket = openLiveSocket({
      ...place,
      protocol: 'graphql-transport-ws',
      onOpen(own) {
        const payload = { Authorization: `Bearer ${token}` }
        own.send(JSON.stringify({ type: 'connection_init', payload }))
      },
      onClose(reason) {
        reject(new Error(`a viewer was refused: ${reason}`))
        if (!isClosed) setTimeout(open, AGAIN_MS)
      },
      onText(data, own) {
        if (data.includes('"version":')) {
          take(data, isFirst)
          isFirst = false
          return
        }
        const text = data.toString()
        if (text.includes('"connection_ack"')) {
          const payload = { query: BOARD_SUBSCRIPTION, variables: { id: eventId } }
          own.send(JSON.stringify({ id: '1', type: 'subscribe', payload }))
        } else if (text.includes('"ping"')) own.send('{"type":"pong"}')
        else reject(new Error(`a viewer was told ${text.slice(0, 500)}`))
      },
    })
  }
  open()
  return {
    shown,
    get reconnects() {
      return reconnects
    },
    get backwards() {
      return backwards
    },
    close() {
      isClosed = true
      socket.terminate()
    },
  }
}

const placeOf = (text: string): Pick<LiveSocketOptions, 'target' | 'host' | 'path'> => {
  const url = new URL(text)
  const target = targetOf(text.replace(/^ws/, 'http'))
  return { target, host: url.host, path: url.pathname }
}

const numberBehind = (data: Buffer, name: string): number => {
  const at = data.indexOf(name) + name.length
  return Number.parseInt(data.toString('latin1', at, at + 16), 10)
}

const textBehind = (data: Buffer, name: string): string => {
  const at = data.indexOf(name) + name.length
  return data.toString('latin1', at, data.indexOf('"', at))
}
