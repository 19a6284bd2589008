// The least that a server in Node can do with a vote: read its JSON, and answer with JSON.

import { createServer } from 'node:http'
import { servePeer } from './peer.js'

servePeer(async () =>
  createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { event_id: id } = JSON.parse(Buffer.concat(chunks).toString())
      const body = JSON.stringify({ vote_id: id })
      const headers = {
        'content-type': 'application/json; charset=utf-8',
        'content-length': Buffer.byteLength(body),
      }
      response.writeHead(200, headers).end(body)
    })
  }),
)
