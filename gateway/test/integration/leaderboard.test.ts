import assert from 'node:assert/strict'
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { VotestreamError } from '@votestream/schema/errors'
import { shardNumber } from '@votestream/schema/numbers'
import { leaderboardSubject } from '@votestream/schema/subjects'
import { boardPart } from '@votestream/schema/votes'
import type { CatalogEvent } from '../../src/event-catalog.js'
import { callerOf, startTestGateway, type TestGateway } from './test-gateway.js'

const contestants = ['Ada', 'Grace'].map((name) => ({
  name,
  description: name,
  imageUrl: 'https://a.example/1.jpg',
}))

describe('The leaderboard over REST', () => {
  let gateway: TestGateway
  let event: CatalogEvent
  let port: number
  const opened: IncomingMessage[] = []

  before(async () => {
    gateway = await startTestGateway()
    await gateway.app.listen({ port: 0, host: '127.0.0.1' })
    const address = gateway.app.server.address()
    port = typeof address === 'object' && address ? address.port : 0
    event = await gateway.events.create(callerOf(7), {
      name: 'The Grand Final',
      contestants,
      opensAtMs: null,
      closesAtMs: null,
    })
  })
  after(() => gateway.stop())
  afterEach(async () => {
    for (const response of opened.splice(0)) response.destroy()
    while (gateway.broadcasts.size > 0) await pause(5)
  })

  const path = () => `/v1/event/${event.id}/leaderboard`
  const authorization = () => `Bearer ${gateway.applicationToken(['results:read'])}`
  const read = (headers: Record<string, string> = {}) =>
    gateway.app.inject({ url: path(), headers: { authorization: authorization(), ...headers } })

  it('has an entity tag that changes with the board alone, and answers 304 to whoever has it', async () => {
    let votes = 1
    gateway.board = async () => ({ version: 10 + votes, totals: [votes, 0], ackedAtMs: 1 })
    const first = await read()
    assert.equal(first.statusCode, 200)
    assert.equal(first.headers['cache-control'], 'public, max-age=1')
    assert.match(String(first.headers['content-type']), /^application\/json/)
    assert.equal(first.json().contestants[0].total_votes, 1)
    const etag = String(first.headers.etag)
    assert.match(etag, /^"11-[\w-]+"$/)
    for (const header of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const same = await read({ 'if-none-match': header })
      assert.deepEqual([same.statusCode, same.body, same.headers.etag], [304, '', etag], header)
      assert.equal(same.headers['cache-control'], 'public, max-age=1')
    }
    votes = 2
    const later = await read({ 'if-none-match': etag })
    assert.equal(later.statusCode, 200)
    assert.notEqual(later.headers.etag, etag)
    // A log that was made anew may come to the same version.
    gateway.board = async () => ({ version: 12, totals: [0, 2], ackedAtMs: 1 })
    assert.notEqual((await read()).headers.etag, later.headers.etag)
  })

  const stream = (headers: Record<string, string> = {}) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const options = {
        port,
        path: `${path()}/stream`,
        headers: { authorization: authorization(), ...headers },
      }
      get(options, (response) => {
        opened.push(response)
        resolve(response)
      }).on('error', reject)
    })
  /** The events of a stream as they come: their ids and what they hold. */
  const eventsOf = (response: IncomingMessage) => {
    const seen: { id: string; votes: number[] }[] = []
    let text = ''
    response.setEncoding('utf8').on('data', (piece: string) => {
      text += piece
      const ended = text.lastIndexOf('\n\n') + 2
      for (const block of text.slice(0, ended).split('\n\n')) {
        const match = /^id: (\d+)\ndata: (.*)$/.exec(block)
        if (!match) continue
        const board = JSON.parse(match[2] ?? '')
        seen.push({
          id: match[1] ?? '',
          votes: board.contestants.map(({ total_votes }: { total_votes: number }) => total_votes),
        })
      }
      text = text.slice(ended)
    })
    return seen
  }
  const publish = (sequence: number, totals: number[]) =>
    gateway.nats.connection.publish(
      leaderboardSubject(event.record.number),
      boardPart.encode({ ...part(sequence, totals), event: event.record.number }),
    )
  const part = (sequence: number, totals: number[]) => ({
    shard: shardNumber(0),
    generation: '2026-05-16T20:00:00Z',
    sequence,
    totals,
    ackedAtMs: 1_000,
  })
  const until = async (condition: () => boolean) => {
    while (!condition()) await pause(5)
  }

  it('is followed as it changes, by many as one', async () => {
    gateway.parts = async (numbers) => new Map(numbers.map((number) => [number, [part(5, [1, 0])]]))
    const [first, second] = [await stream(), await stream()]
    assert.equal(first.headers['content-type'], 'text/event-stream; charset=utf-8')
    assert.equal(first.headers['cache-control'], 'no-store')
    const seen = [eventsOf(first), eventsOf(second)]
    await until(() => seen.every((events) => events.length === 1))
    assert.deepEqual(seen[0], [{ id: '5', votes: [1, 0] }])
    assert.equal(gateway.broadcasts.size, 1)
    publish(6, [1, 3])
    await until(() => seen.every((events) => events.length === 2))
    // Most votes first.
    assert.deepEqual(seen[1]?.[1], { id: '6', votes: [3, 1] })
  })

  it('is not sent again to whoever saw it last', async () => {
    gateway.parts = async (numbers) => new Map(numbers.map((number) => [number, [part(7, [1, 0])]]))
    const known = eventsOf(await stream({ 'last-event-id': '7' }))
    const older = eventsOf(await stream({ 'last-event-id': '6' }))
    await until(() => older.length === 1)
    assert.equal(older[0]?.id, '7')
    publish(8, [2, 0])
    await until(() => known.length === 1 && older.length === 2)
    assert.equal(known[0]?.id, '8')
  })

  it('is followed no longer than the token is valid, and a little', async () => {
    gateway.parts = async (numbers) => new Map(numbers.map((number) => [number, [part(9, [1, 0])]]))
    const token = gateway.tokens.issue({ scopes: ['results:read'], ttlSeconds: 1 })
    const response = await stream({ authorization: `Bearer ${token}` })
    const seen = eventsOf(response)
    await once(response, 'end')
    assert.equal(seen.length, 1)
    assert.throws(() => gateway.tokens.verify(token))
  })

  it('has no head without its stream', async () => {
    const headers = { authorization: authorization() }
    const { statusCode } = await gateway.app.inject({ method: 'HEAD', url: `${path()}/stream`, headers })
    assert.equal(statusCode, 405)
  })

  it('refuses a stream like any other reading', async () => {
    const status = async (headers: Record<string, string>, of = path()) => {
      const response = await gateway.app.inject({ url: `${of}/stream`, headers })
      return [response.statusCode, response.json().code]
    }
    assert.deepEqual(await status({}), [401, 'UNAUTHENTICATED'])
    const voteOnly = { authorization: `Bearer ${gateway.userToken(9, ['votes'])}` }
    assert.deepEqual(await status(voteOnly), [403, 'WRONG_SCOPE'])
    const good = { authorization: authorization() }
    assert.deepEqual(await status(good, '/v1/event/nonsense/leaderboard'), [400, 'INVALID_ID'])
    const unknown = gateway.ids.eventId(999_999 as never)
    assert.deepEqual(await status(good, `/v1/event/${unknown}/leaderboard`), [404, 'EVENT_NOT_FOUND'])
    gateway.parts = async () => {
      throw new VotestreamError('RESULTS_UNAVAILABLE', { retryAfterSeconds: 1 })
    }
    assert.deepEqual(await status(good), [503, 'RESULTS_UNAVAILABLE'])
  })
})
