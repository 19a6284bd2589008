// Takes whatever is exported to it, and keeps nothing.

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

process.once('message', () => {
  const server = createServer((request, response) => {
    request.resume()
    request.once('end', () => response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end())
  })
  server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
})
process.on('disconnect', () => process.exit(0))
