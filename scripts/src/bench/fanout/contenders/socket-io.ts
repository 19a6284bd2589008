// Socket.IO: one event to everybody.

import { createServer } from 'node:http'
import { Server } from 'socket.io'
import { serve } from '../contender-process.js'

const http = createServer()
const io = new Server(http, { transports: ['websocket'], perMessageDeflate: false })
serve(http, (board) => {
  io.emit('board', board)
})
