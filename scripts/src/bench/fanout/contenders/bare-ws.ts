// The least that a server can do: one text, one send for each socket.

import { createServer } from 'node:http'
import { WebSocketServer } from 'ws'
import { serve } from '../contender-process.js'

const http = createServer()
const sockets = new WebSocketServer({ server: http, perMessageDeflate: false })

serve(http, (board) => {
  const payload = { data: { leaderboardChanged: board } }
  const text = JSON.stringify({ id: '00000000-0000-4000-8000-000000000000', type: 'next', payload })
  for (const socket of sockets.clients) socket.send(text)
})
