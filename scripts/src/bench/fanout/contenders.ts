import { startChild } from '../child.js'
import type { Dialect } from '../readers-process.js'
import { type Boards, type BoardsOptions, giveBoards } from './boards.js'
import { type ShownBoard, shownBoard } from './shown-board.js'
import { startVotestream, type VotestreamOptions } from './votestream.js'

export interface Running {
  readonly url: string
  readonly dialect: Dialect
  /** Whose processor time counts. */
  readonly pids: readonly number[]
  /** Those of them that have viewers. */
  readonly serving: readonly number[]
  begin(options: BoardsOptions): Promise<Boards>
  stop(): Promise<void>
}

export interface Contender {
  readonly name: string
  start(options: VotestreamOptions): Promise<Running>
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
      serving: [child.pid],
      begin: async (options) =>
        giveBoards(options, (version, votes, atMs) =>
          child.send(shownBoard(version, votes, atMs) satisfies ShownBoard),
        ),
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
