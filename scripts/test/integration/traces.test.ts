import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type Frame,
  GATEWAY,
  hex,
  INGEST,
  MUTATION,
  named,
  PROCESSOR,
  startTracedSystem,
  type TracedSystem,
  until,
} from '../otlp/traced-system.js'

const sampled = (traceId: string, spanId = hex(8)): string => `00-${traceId}-${spanId}-01`

/** What the exporters send is decoded, whatever the services believe of it. */
describe('the traces of a whole system', function () {
  this.timeout(90_000)

  describe('with the usual propagators', () => {
    let traced: TracedSystem
    before(async () => {
      traced = await startTracedSystem({ OTEL_TRACES_SAMPLER: 'parentbased_always_off' })
    })
    after(() => traced?.stop())

    it('a vote over REST is followed from its client to the frame that a viewer gets', async () => {
      const { frames, socket } = await traced.watchBoard()
      const [traceId, parentId] = [hex(16), hex(8)]
      const traceparent = sampled(traceId, parentId)
      const response = await traced.voteByRest({ traceparent, tracestate: 'vendor=opaque' })
      assert.equal(response.status, 200)
      assert.equal(response.headers.get('x-amzn-trace-id'), null)
      const spans = await traced.told(traceId, 'POST /v1/vote/submit')
      const { parentSpanId, kind, service, attributes } = named(spans, /^POST/) ?? {}
      assert.deepEqual([parentSpanId, kind, service], [parentId, 'server', GATEWAY])
      assert.equal(attributes?.['http.response.status_code'], 200)
      assert.equal(attributes?.['http.route'], '/v1/vote/submit')
      for (const name of [/^POST/, /send$/, /process$/, /append$/, /^redis/]) {
        assert.equal(named(spans, name)?.traceState, 'vendor=opaque', String(name))
      }
      const naming = frames.filter(({ payload }) => payload?.extensions?.traces?.includes(traceId))
      assert.equal(naming.length, 1)
      assert.equal(naming[0]?.payload?.data?.leaderboardChanged?.totalVotes, traced.votes)
      socket.close()
    })

    it('so is one that comes by the router, and not by the door', async () => {
      const { socket } = await traced.watchBoard()
      const traceId = hex(16)
      const headers = { traceparent: sampled(traceId), 'content-type': 'application/json; charset=utf-8' }
      assert.equal((await traced.voteByRest(headers)).status, 200)
      const spans = await traced.told(traceId, 'POST /v1/vote/submit')
      assert.equal(named(spans, /^POST/)?.attributes['http.response.status_code'], 200)
      socket.close()
    })

    it('one over GraphQL is followed through its operation, by the library and by the door alike', async () => {
      const { socket } = await traced.watchBoard()
      const traceIds = [hex(16), hex(16)]
      for (const traceId of traceIds) {
        await traced.voteByGraphql({ traceparent: sampled(traceId) })
        const spans = await traced.told(traceId, 'mutation submitVote')
        const { parentSpanId, attributes } = named(spans, /^mutation/) ?? {}
        assert.equal(parentSpanId, named(spans, /^POST \/graphql$/)?.spanId)
        assert.deepEqual(
          [attributes?.['graphql.operation.type'], attributes?.['graphql.operation.name']],
          ['mutation', 'Cast'],
        )
      }
      socket.close()
    })

    it('one on a socket is part of what its message names, or else its connection', async () => {
      const { socket: viewer } = await traced.watchBoard()
      const [connected, asked] = [hex(16), hex(16)]
      const parentId = hex(8)
      const { socket, ask } = await traced.openSocket({
        Authorization: `Bearer ${traced.voter().token}`,
        traceparent: sampled(connected, parentId),
      })
      const { id: eventId, contestantIds } = traced.event
      const vote = { query: MUTATION, variables: { input: { eventId, contestantId: contestantIds[1] } } }
      ask({ id: 'v', type: 'subscribe', payload: vote })
      const { kind, parentSpanId } =
        named(await traced.told(connected, 'mutation submitVote'), /^mutation/) ?? {}
      assert.deepEqual([kind, parentSpanId], ['server', parentId])
      ask({
        id: 'w',
        type: 'subscribe',
        payload: { ...vote, extensions: { traceparent: sampled(asked) } },
      })
      await until(() => named(traced.of(asked), /^mutation/) !== undefined, 'the second operation')
      // It was that voter's second vote.
      const { attributes, failed } = named(traced.of(asked), /^mutation/) ?? {}
      assert.deepEqual([attributes?.['votestream.code'], failed], ['DUPLICATE_VOTE', false])
      socket.close()
      viewer.close()
    })

    it('a read has its span, with its status, and what went wrong', async () => {
      const [good, bad] = [hex(16), hex(16)]
      const read = async (id: string, traceId: string): Promise<void> => {
        const authorization = `Bearer ${traced.system.viewerToken()}`
        const headers = { authorization, traceparent: sampled(traceId) }
        await (await fetch(traced.url(`/v1/event/${id}/leaderboard?secret=1`), { headers })).arrayBuffer()
      }
      await read(traced.event.id, good)
      await read('x', bad)
      await until(() => traced.of(good).length > 0 && traced.of(bad).length > 0, 'two reads')
      const [span] = traced.of(good)
      assert.equal(span?.name, 'GET /v1/event/:event_id/leaderboard')
      assert.equal(span?.attributes['url.path'], `/v1/event/${traced.event.id}/leaderboard`)
      // The client's mistake is no failure of ours.
      const { attributes, failed } = traced.of(bad)[0] ?? {}
      assert.deepEqual(
        [attributes?.['votestream.code'], attributes?.['http.response.status_code'], failed],
        ['INVALID_ID', 400, false],
      )
    })

    it('nothing is told of a vote whose client did not want it, nor of one that names no trace', async () => {
      const { frames, socket } = await traced.watchBoard()
      const [unwanted, wanted] = [hex(16), hex(16)]
      const before = { spans: traced.receiver.spans.length, votes: traced.votes }
      assert.equal((await traced.voteByRest({ traceparent: `00-${unwanted}-${hex(8)}-00` })).status, 200)
      assert.equal((await traced.voteByRest({})).status, 200)
      const shownBy = ({ payload }: Frame) => payload?.data?.leaderboardChanged?.totalVotes ?? 0
      await until(() => frames.some((frame) => shownBy(frame) === traced.votes), 'both votes on the board')
      for (const frame of frames) {
        if (shownBy(frame) > before.votes) assert.equal(frame.payload?.extensions, undefined)
      }
      // Whatever was told of them would have been exported by now.
      await traced.voteByRest({ traceparent: sampled(wanted) })
      await traced.told(wanted, 'POST /v1/vote/submit')
      assert.deepEqual(traced.of(unwanted), [])
      for (const { name, traceId, links } of traced.receiver.spans.slice(before.spans)) {
        assert(traceId === wanted || links.some((link) => link.traceId === wanted), name)
      }
      socket.close()
    })

    it('who exports, and on what, is told by all three services', async () => {
      for (const service of [GATEWAY, INGEST, PROCESSOR]) {
        const { resource } = traced.receiver.spans.find((span) => span.service === service) ?? {}
        for (const name of ['host.name', 'process.pid', 'service.instance.id']) assert(resource?.[name], name)
        assert.equal(resource?.['deployment.environment.name'], 'test')
      }
    })
  })

  describe('with X-Ray', () => {
    let traced: TracedSystem
    before(async () => {
      traced = await startTracedSystem({
        OTEL_TRACES_SAMPLER: 'parentbased_always_off',
        OTEL_PROPAGATORS: 'xray',
      })
    })
    after(() => traced?.stop())

    it('a vote goes by X-Amzn-Trace-Id, in and out', async () => {
      const { frames, socket } = await traced.watchBoard()
      const [seconds, unique, parentId] = [Math.floor(Date.now() / 1_000).toString(16), hex(12), hex(8)]
      const response = await traced.voteByRest({
        'x-amzn-trace-id': `Root=1-${seconds}-${unique};Parent=${parentId};Sampled=1`,
        // Not among the propagators.
        traceparent: sampled(hex(16)),
      })
      const traceId = seconds + unique
      const { spanId, parentSpanId } =
        named(await traced.told(traceId, 'POST /v1/vote/submit'), /^POST/) ?? {}
      assert.equal(parentSpanId, parentId)
      assert.equal(
        response.headers.get('x-amzn-trace-id'),
        `Root=1-${seconds}-${unique};Parent=${spanId};Sampled=1`,
      )
      // What begins here has the time in front, as X-Ray wants it.
      for (const span of traced.receiver.spans) {
        const atSeconds = Number.parseInt(span.traceId.slice(0, 8), 16)
        assert(Math.abs(atSeconds - Date.now() / 1_000) < 600, span.name)
      }
      assert(frames.some(({ payload }) => payload?.extensions?.traces?.includes(traceId)))
      socket.close()
    })
  })

  describe('with every request sampled, and nobody who takes the traces', () => {
    let traced: TracedSystem
    before(async () => {
      traced = await startTracedSystem({
        OTEL_TRACES_SAMPLER: 'always_on',
        OTEL_BSP_MAX_QUEUE_SIZE: '50',
        OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '10',
        OTEL_EXPORTER_OTLP_TIMEOUT: '60000',
      })
    })
    after(() => traced?.stop())

    it('no vote waits or fails, what is dropped is counted, and a service ends in time all the same', async () => {
      const { receiver, system } = traced
      const vote = async (): Promise<number> => (await traced.voteByRest({})).status
      receiver.answer = 'hang'
      const statuses = await Promise.all(Array.from({ length: 200 }, vote))
      assert.deepEqual(new Set(statuses), new Set([200]))
      await until(() => receiver.exports > 0, 'an export that nobody answers')
      const page = await (await fetch(system.gateways[0]?.metricsUrl ?? '')).text()
      const dropped = /votestream_spans_dropped_total\{reason="queue_full"\} (\d+)/.exec(page)?.[1]
      assert(Number(dropped) > 0, page)
      await system.gateways[0]?.restart()
      // What would not end is cut off, and says so.
      const log = await readFile(join(system.servers.folder, 'gateway-0.log'), 'utf8')
      assert.doesNotMatch(log, /did not stop in time/)
      receiver.answer = 'refuse'
      assert.equal(await vote(), 200)
      receiver.answer = 'take'
      const traceId = hex(16)
      await traced.voteByRest({ traceparent: sampled(traceId) })
      await until(() => traced.of(traceId).length > 0, 'traces, once they are taken again')
    })
  })
})
