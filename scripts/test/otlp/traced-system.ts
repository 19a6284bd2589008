import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import WebSocket from 'ws'
import { type SmallEvent, type SmallSystem, startSmallSystem } from '../../src/bench/small-system.js'
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from './otlp-receiver.js'

const PREFIX = 'show'
export const GATEWAY = `${PREFIX}-gateway`
export const INGEST = `${PREFIX}-ingest`
export const PROCESSOR = `${PREFIX}-processor`

/** Each part of a vote's story behind its request: who tells it, and in what kind of span. Each is the child of the last. */
const STORY = [
  [GATEWAY, /^ingest\.\d send$/, 'producer'],
  [INGEST, /^ingest\.\d process$/, 'consumer'],
  [INGEST, /^VOTES_\d append$/, 'producer'],
  [PROCESSOR, /^redis apply-votes$/, 'client'],
  [PROCESSOR, /^leaderboard publish$/, 'producer'],
  [GATEWAY, /^leaderboard push$/, 'consumer'],
] as const

/** What the span of a vote says of the batch that it is in. */
const OF_VOTES = [
  'messaging.system',
  'messaging.operation.name',
  'db.system.name',
  'db.operation.name',
  'votestream.shard',
]
/** Of two processes' clocks on one machine, each as fine as a millisecond. */
const CLOCK_MS = 2
const WITHIN_MS = 15_000

export const hex = (bytes: number): string => randomBytes(bytes).toString('hex')
export const MUTATION = 'mutation Cast($input: SubmitVoteInput!) { submitVote(input: $input) { id } }'
const BOARD = 'subscription Board($id: ID!) { leaderboardChanged(eventId: $id) { version totalVotes } }'

export interface Frame {
  readonly id?: string
  readonly type: string
  readonly payload?: {
    readonly data?: {
      readonly leaderboardChanged?: { readonly version: number; readonly totalVotes: number }
    }
    readonly extensions?: { readonly traces?: readonly string[] }
  }
}

export interface OpenSocket {
  readonly socket: WebSocket
  readonly frames: readonly Frame[]
  ask(message: object): void
}

/** Every service of ours, and whoever takes their traces. */
export interface TracedSystem {
  readonly receiver: OtlpReceiver
  readonly system: SmallSystem
  readonly event: SmallEvent
  /** Votes that were cast. */
  readonly votes: number
  url(path: string): string
  voter(): { readonly userId: string; readonly token: string }
  voteByRest(headers: Record<string, string>): Promise<Response>
  voteByGraphql(headers: Record<string, string>): Promise<void>
  openSocket(payload: Record<string, unknown>): Promise<OpenSocket>
  /** Once the first board has come. */
  watchBoard(): Promise<OpenSocket>
  of(traceId: string): ReceivedSpan[]
  /** All of the story of a vote, told in order. @param request the name of its first span */
  told(traceId: string, request: string): Promise<ReceivedSpan[]>
  stop(): Promise<void>
}

export const until = async (is: () => boolean, what: string | (() => string)): Promise<void> => {
  const endMs = performance.now() + WITHIN_MS
  while (!is()) {
    assert(performance.now() < endMs, `not in time: ${typeof what === 'string' ? what : what()}`)
    await pause(10)
  }
}

export const named = (spans: readonly ReceivedSpan[], name: RegExp): ReceivedSpan | undefined =>
  spans.find((span) => name.test(span.name))

export const startTracedSystem = async (env: NodeJS.ProcessEnv): Promise<TracedSystem> => {
  const receiver = await startOtlpReceiver()
  const system = await startSmallSystem({
    contestants: ['Ada', 'Grace'],
    votes: true,
    archive: true,
    shards: 2,
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_SERVICE_NAME: PREFIX,
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
      OTEL_BSP_SCHEDULE_DELAY: '100',
      ...env,
    },
  })
  const [event] = system.events
  assert.ok(event)
  let votes = 0
  const url = (path: string): string => `http://127.0.0.1:${system.gateways[0]?.port}${path}`
  const voter = () => {
    votes += 1
    return system.voter(votes)
  }
  const post = (path: string, token: string, body: unknown, headers: Record<string, string>) =>
    fetch(url(path), {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })
  const of = (traceId: string) => receiver.spans.filter((span) => span.traceId === traceId)
  const openSocket = async (payload: Record<string, unknown>): Promise<OpenSocket> => {
    const socket = new WebSocket(url('/graphql').replace('http', 'ws'), 'graphql-transport-ws')
    const frames: Frame[] = []
    socket.on('message', (data) => frames.push(JSON.parse(String(data)) as Frame))
    await once(socket, 'open')
    socket.send(JSON.stringify({ type: 'connection_init', payload }))
    await until(() => frames.some(({ type }) => type === 'connection_ack'), 'the socket is open')
    return { socket, frames, ask: (message) => socket.send(JSON.stringify(message)) }
  }
  return {
    receiver,
    system,
    event,
    get votes() {
      return votes
    },
    url,
    voter,
    async voteByRest(headers) {
      const { userId, token } = voter()
      const vote = { user_id: userId, event_id: event.id, contestant_id: event.contestantIds[0] }
      const response = await post('/v1/vote/submit', token, vote, headers)
      await response.arrayBuffer()
      return response
    },
    async voteByGraphql(headers) {
      const input = { eventId: event.id, contestantId: event.contestantIds[1] }
      const body = { query: MUTATION, operationName: 'Cast', variables: { input } }
      const response = await post('/graphql', voter().token, body, headers)
      assert.doesNotMatch(await response.text(), /errors/)
    },
    openSocket,
    async watchBoard() {
      const opened = await openSocket({ Authorization: `Bearer ${system.viewerToken()}` })
      opened.ask({ id: 'b', type: 'subscribe', payload: { query: BOARD, variables: { id: event.id } } })
      await until(() => opened.frames.some(({ type }) => type === 'next'), 'the first board')
      return opened
    },
    of,
    async told(traceId, request) {
      const wanted = [...STORY.map(([, name]) => name), /^clickhouse insert$/]
      await until(
        () => wanted.every((name) => named(of(traceId), name)),
        () => `the story of ${traceId}; so far ${of(traceId).map(({ name }) => name)}`,
      )
      const spans = of(traceId)
      checkStory(spans, request, receiver.spans)
      return spans
    },
    async stop() {
      await system.stop()
      await receiver.stop()
    },
  }
}

/** Each part is the child of the one before, begins no earlier, and is linked with the batch that it was part of. */
const checkStory = (spans: readonly ReceivedSpan[], request: string, all: readonly ReceivedSpan[]): void => {
  let parent = spans.find(({ name }) => name === request)
  assert(parent, request)
  for (const [service, name, kind] of STORY) {
    const span = named(spans, name)
    assert(span)
    assert.deepEqual([span.service, span.kind, span.parentSpanId], [service, kind, parent.spanId], span.name)
    assert(span.startMs >= parent.startMs - CLOCK_MS, `${span.name} begins before ${parent.name}`)
    assert(span.endMs >= span.startMs && !span.failed, span.name)
    const { traceId, parentSpanId } = span
    const batch = all.find(
      (other) =>
        other.name === span.name &&
        other.links.some((link) => link.traceId === traceId && link.spanId === parentSpanId),
    )
    assert(batch, `a batch that links to ${parent.name}`)
    assert.equal(batch.attributes['votestream.batch'], true)
    assert.notEqual(batch.traceId, traceId)
    assert.deepEqual(span.links, [{ traceId: batch.traceId, spanId: batch.spanId }])
    // What is the same for all of a batch stands in its own span; a vote's says what it must, and where.
    const kept = Object.entries(batch.attributes).filter(([attribute]) => OF_VOTES.includes(attribute))
    assert.deepEqual(span.attributes, Object.fromEntries(kept))
    assert(kept.length >= 2 && kept.length < Object.keys(batch.attributes).length, span.name)
    parent = span
  }
  assert.equal(
    named(spans, /^clickhouse insert$/)?.parentSpanId,
    named(spans, /append$/)?.spanId,
    'the archive goes on from the log',
  )
}
