import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { familiesOf, type Sample } from '@votestream/infra/metrics/families'
import { VotestreamError } from '@votestream/schema/errors'
import { voterNumber } from '@votestream/schema/numbers'
import { createClient } from 'graphql-ws'
import WebSocket from 'ws'
import { callerOf, startTestGateway, type TestGateway } from './test-gateway.js'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const TRACE_PARENT = `00-${TRACE}-b7ad6b7169203331-01`
const SUBMIT = 'mutation Submit($input: SubmitVoteInput!) { submitVote(input: $input) { id } }'

describe('what a gateway counts of its requests', () => {
  let gateway: TestGateway
  let event: { id: string; contestantIds: readonly string[] }
  let base: string

  beforeEach(async () => {
    gateway = await startTestGateway()
    const contestants = [{ name: 'A', description: 'a', imageUrl: 'https://a.example/a.png' }]
    const open = { opensAtMs: null, closesAtMs: null }
    event = await gateway.events.create(callerOf(7), { name: 'Event', ...open, contestants })
    await gateway.app.listen({ port: 0, host: '127.0.0.1' })
    base = `127.0.0.1:${(gateway.app.server.address() as AddressInfo).port}`
  })
  afterEach(() => gateway.stop())

  const samples = async (name: string): Promise<readonly Sample[]> =>
    (await familiesOf(gateway.registry)).find((family) => family.name === name)?.values ?? []
  /** `api operation code` and how often. */
  const counts = async (): Promise<Record<string, number>> =>
    Object.fromEntries(
      (await samples('votestream_requests_total')).map(({ labels, value }) => [
        `${labels.api} ${labels.operation} ${labels.code}`,
        value,
      ]),
    )
  /** What is told after an answer was handed over may be told a moment after its client has it. */
  const untilCounted = async (wanted: Record<string, number>): Promise<void> => {
    while (JSON.stringify(sorted(await counts())) !== JSON.stringify(sorted(wanted))) await pause(5)
  }
  const acknowledged = async (api: string): Promise<number | undefined> =>
    (await samples('votestream_ingest_seconds')).find(
      ({ metricName, labels }) => labels.api === api && metricName?.endsWith('_count'),
    )?.value
  const traces = async (api: string): Promise<(string | undefined)[]> =>
    (await samples('votestream_ingest_seconds'))
      .filter(({ labels, exemplar }) => labels.api === api && exemplar)
      .map(({ exemplar }) => exemplar?.labelSet.trace_id)

  const headers = (more: Record<string, string> = {}) => ({
    authorization: `Bearer ${gateway.userToken(9)}`,
    'content-type': 'application/json',
    traceparent: TRACE_PARENT,
    ...more,
  })
  const post = async (path: string, body: unknown, more?: Record<string, string>): Promise<unknown> => {
    const options = { method: 'POST', headers: headers(more), body: JSON.stringify(body) }
    return (await fetch(`http://${base}${path}`, options)).json()
  }
  const rest = (more?: Record<string, string>): Promise<unknown> =>
    post(
      '/v1/vote/submit',
      {
        user_id: gateway.ids.userId(voterNumber(9)),
        event_id: event.id,
        contestant_id: event.contestantIds[0],
      },
      more,
    )
  const variables = () => ({ input: { eventId: event.id, contestantId: event.contestantIds[0] } })
  const graphql = (query = SUBMIT, more?: Record<string, string>): Promise<unknown> =>
    post('/graphql', { query, variables: variables() }, more)

  it('votes by REST, at the door and behind the router: each once, by what its client was told, with its time and trace', async () => {
    const routed = { 'content-type': 'application/json; charset=utf-8' }
    await rest()
    await rest(routed)
    await untilCounted({ 'rest submitVote OK': 2 })
    assert.equal(await acknowledged('rest'), 2)
    assert.ok((await traces('rest')).every((trace) => trace === TRACE))
    assert.ok((await traces('rest')).length > 0)
    gateway.decide = async () => 'duplicate'
    await rest()
    await rest(routed)
    gateway.decide = () => Promise.reject(new VotestreamError('VOTES_UNAVAILABLE'))
    await rest()
    await rest({ ...routed, authorization: '' })
    gateway.limit({ service: { perSecond: 1, burst: 1 } })
    await rest()
    await rest()
    await rest(routed)
    await untilCounted({
      'rest submitVote OK': 2,
      'rest submitVote DUPLICATE_VOTE': 2,
      'rest submitVote VOTES_UNAVAILABLE': 2,
      'rest submitVote UNAUTHENTICATED': 1,
      'rest submitVote RATE_LIMITED': 2,
    })
    // Who was refused has no part in how long acknowledgements take.
    assert.equal(await acknowledged('rest'), 2)
  })

  it('votes by GraphQL, at first, at the door and on a socket: each field at a root once', async () => {
    // The first one is read by the library, the second one known at the door.
    await graphql()
    await graphql()
    await untilCounted({ 'graphql submitVote OK': 2 })
    while ((await acknowledged('graphql')) !== 2) await pause(5)
    assert.deepEqual([...new Set(await traces('graphql'))], [TRACE])
    const authorization = `Bearer ${gateway.userToken(9)}`
    const client = createClient({
      url: `ws://${base}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: { Authorization: authorization },
    })
    const twice = `mutation ($input: SubmitVoteInput!) { a: submitVote(input: $input) { id } b: submitVote(input: $input) { id } }`
    const request = { query: twice, variables: variables(), extensions: { traceparent: TRACE_PARENT } }
    for await (const answer of client.iterate(request)) assert.ok(answer.data)
    await client.dispose()
    assert.equal(await acknowledged('websocket'), 2)
    assert.deepEqual([...new Set(await traces('websocket'))], [TRACE])
    gateway.decide = async () => 'duplicate'
    await graphql()
    assert.equal(await acknowledged('graphql'), 2)
    await untilCounted({
      'graphql submitVote OK': 2,
      'graphql submitVote DUPLICATE_VOTE': 1,
      'websocket connect OK': 1,
      'websocket submitVote OK': 2,
    })
  })

  it('what came to no operation: documents that are refused, paths that do not exist, and who is not let in', async () => {
    await graphql('{ nothing }')
    await graphql('{')
    await fetch(`http://${base}/nowhere`)
    await fetch(`http://${base}/v1/contestants/${event.id}`, { headers: headers() })
    await graphql()
    gateway.limit({ service: { perSecond: 1, burst: 1 } })
    await graphql()
    await graphql()
    await untilCounted({
      'graphql graphql GRAPHQL_VALIDATION_FAILED': 1,
      'graphql graphql GRAPHQL_PARSE_FAILED': 1,
      'rest none ROUTE_NOT_FOUND': 1,
      'rest contestants OK': 1,
      'graphql submitVote OK': 2,
      'graphql graphql RATE_LIMITED': 1,
    })
  })
})

const sorted = (counts: Record<string, number>): [string, number][] => Object.entries(counts).sort()
