import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ShownBoard } from './shown-board.js'

/** A contender's side of the conversation with the bench: it says where it listens, and is given boards. */
export const serve = (server: Server, show: (board: ShownBoard) => void): void => {
  process.on('message', (board: ShownBoard) => show(board))
  process.on('disconnect', () => process.exit(0))
  server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
}
