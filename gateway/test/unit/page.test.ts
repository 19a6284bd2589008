import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { VotestreamError } from '@votestream/schema/errors'
import type { FastifyInstance } from 'fastify'
import { pageRoutes } from '../../src/page.js'
import { createInertServer } from './inert-server.js'

describe('the page on the public port', () => {
  let app: FastifyInstance
  let folder: string
  let issue: (address: string) => string = () => 'a token'
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'votestream-page-'))
    mkdirSync(join(folder, 'assets'))
    writeFileSync(join(folder, 'index.html'), '<!doctype html><title>The page</title>')
    writeFileSync(join(folder, 'icon.svg'), '<svg/>')
    writeFileSync(join(folder, '.votestream-built'), 'a fingerprint')
    writeFileSync(join(folder, 'assets', 'index-abc.js'), 'plain')
    writeFileSync(join(folder, 'assets', 'index-abc.js.gz'), 'zipped')
    app = await createInertServer({
      plugins: [pageRoutes({ folder, viewerTokens: { issue: (address) => issue(address) } })],
    })
  })
  after(async () => {
    await app.close()
    rmSync(folder, { recursive: true })
  })

  it('serves the page at its own paths, asked for anew each time, under a strict policy', async () => {
    for (const url of ['/', '/event/abc', '/new', '/?from=somewhere']) {
      const answer = await app.inject({ url })
      assert.equal(answer.statusCode, 200, url)
      assert.match(answer.body, /The page/)
      assert.match(String(answer.headers['content-type']), /^text\/html/)
      assert.equal(answer.headers['cache-control'], 'no-cache')
      const policy = String(answer.headers['content-security-policy'])
      assert.match(policy, /default-src 'none'/)
      assert.doesNotMatch(policy, /unsafe|http|\*/)
      assert.equal(answer.headers['x-content-type-options'], 'nosniff')
    }
  })

  it('leaves every other path as it was', async () => {
    for (const url of [
      '/index.htm',
      '/event',
      '/event/abc/more',
      '/v1/none',
      '/none',
      '/.votestream-built',
    ]) {
      const answer = await app.inject({ url })
      assert.equal(answer.statusCode, 404, url)
      assert.equal(answer.json().code, 'ROUTE_NOT_FOUND')
    }
    assert.equal((await app.inject({ url: '/healthz' })).body, 'ok\n')
    assert.equal((await app.inject({ url: '/v1/openapi.json' })).statusCode, 200)
  })

  it('lets files that are named for what they hold be kept, compressed where the client can read that', async () => {
    const plain = await app.inject({ url: '/assets/index-abc.js' })
    assert.equal(plain.body, 'plain')
    assert.match(String(plain.headers['cache-control']), /max-age=31536000, immutable/)
    const headers = { 'accept-encoding': 'gzip, br' }
    const zipped = await app.inject({ url: '/assets/index-abc.js', headers })
    assert.equal(zipped.body, 'zipped')
    assert.equal(zipped.headers['content-encoding'], 'gzip')
    assert.equal((await app.inject({ url: '/icon.svg' })).headers['cache-control'], 'no-cache')
  })

  it('gives a visitor a token that nobody keeps, and says when there is none', async () => {
    const given = await app.inject({ method: 'POST', url: '/viewer-token' })
    assert.equal(given.statusCode, 200)
    assert.deepEqual(given.json(), { token: 'a token' })
    assert.equal(given.headers['cache-control'], 'no-store')
    issue = () => {
      throw new VotestreamError('RATE_LIMITED', { retryAfterSeconds: 3 })
    }
    const refused = await app.inject({ method: 'POST', url: '/viewer-token' })
    assert.equal(refused.statusCode, 429)
    assert.equal(refused.headers['retry-after'], '3')
    assert.equal(refused.json().code, 'RATE_LIMITED')
    assert.equal((await app.inject({ url: '/viewer-token' })).statusCode, 405)
  })

  it('is simply not there when it was not built', async () => {
    const bare = await createInertServer({
      plugins: [pageRoutes({ folder: join(folder, 'nowhere'), viewerTokens: { issue: () => 'a token' } })],
    })
    assert.equal((await bare.inject({ url: '/' })).statusCode, 404)
    assert.equal((await bare.inject({ url: '/healthz' })).statusCode, 200)
    await bare.close()
  })
})
