import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sendResult } from '../../embedded/response-body.js'

describe('a result that is sent from a file', () => {
  it('ends nothing but its own answer when the file is taken away meanwhile, and leaves none behind', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'votestream-spool-'))
    const file = join(folder, 'result')
    const outcomes = new Set<string>()
    const server = createServer((_request, response) => {
      writeFileSync(file, 'rows')
      const sent = sendResult(response, { kind: 'file', file }, undefined)
      // As when the client has gone: before the file is open, or right after.
      const turn = outcomes.size % 2 === 0 ? setImmediate : process.nextTick
      turn(() => rmSync(file, { force: true }))
      void sent.then(
        () => outcomes.add('sent'),
        () => {
          outcomes.add('failed')
          response.destroy()
        },
      )
    })
    try {
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      const { port } = server.address() as AddressInfo
      for (let asked = 0; asked < 300; asked += 1) {
        await new Promise<void>((resolve) => {
          get({ port, host: '127.0.0.1', agent: false }, (answer) => {
            answer.resume()
            answer.on('close', resolve)
          }).on('error', () => resolve())
        })
        assert.equal(existsSync(file), false)
      }
      assert.ok(outcomes.size > 0)
    } finally {
      server.close()
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
