import { startChild } from '../child.js'
import type { Dialect } from './readers.js'
import { type ShownBoard, shownBoard } from './shown-board.js'
import { startVotestream } from './votestream.js'

export interface Running {
  readonly url: string
  readonly dialect: Dialect
  /** Whose processor time counts. */
  readonly pids: readonly number[]
  show(version: number, votes: readonly number[], atMs: number): void
  stop(): Promise<void>
}

export interface Contender {
  readonly name: string
  start(): Promise<Running>
}

const peer = (name: string, file: string, dialect: Dialect): Contender => ({
  name,
  async start() {
    const child = startChild(new URL(`./contenders/${file}.js`, import.meta.url))
    const { port } = await child.next<{ port: number }>()
    return {
      url: `ws://127.0.0.1:${port}`,
      dialect,
      pids: [child.pid],
      show(version, votes, atMs) {
        child.send(shownBoard(version, votes, atMs) satisfies ShownBoard)
      },
      stop: child.stop,
    }
  },
})

const graphql: Dialect = { name: 'graphql', eventId: 'one', token: undefined }

/** The first one is what the others are compared with. */
export const CONTENDERS: readonly Contender[] = [
  peer('bare ws', 'bare-ws', { name: 'plain' }),
  { name: 'Votestream', start: startVotestream },
  peer('stock graphql-ws', 'stock-graphql-ws', graphql),
  peer('mercurius', 'mercurius', graphql),
  peer('socket.io', 'socket-io', { name: 'socket.io' }),
]
