import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from '@votestream/infra/servers/free-port'
import { startServersForTest, type TestServers } from '@votestream/infra/servers/test-servers'
import { startOtlpReceiver } from './otlp-receiver.js'

const main = fileURLToPath(new URL('../../src/main.js', import.meta.url))
const JSON_TYPE = 'application/json'
const PARTNER = 'https://partner.example'
const FLOODER = '203.0.113.7'
const BURST = 50

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: string
}

/** A whole gateway: what it takes at /rum, and where that goes. */
describe('what pages measured of their visitors', function () {
  this.timeout(40_000)
  let servers: TestServers
  let collector: Awaited<ReturnType<typeof startOtlpReceiver>>
  let gateway: ChildProcess
  let base: string
  let metricsUrl: string

  const start = async (more: NodeJS.ProcessEnv): Promise<void> => {
    const [port, metricsPort] = [await freePort(), await freePort()]
    base = `http://127.0.0.1:${port}`
    metricsUrl = `http://127.0.0.1:${metricsPort}`
    gateway = spawn(process.execPath, [main], {
      env: {
        ...process.env,
        NATS_URL: servers.get('nats').url,
        REDIS_URL: servers.get('redis').url,
        GATEWAY_PORT: String(port),
        GATEWAY_METRICS_PORT: String(metricsPort),
        JWT_SECRET: 'a secret for the tests of measures, long enough',
        ID_SECRET: 'another secret for the tests of measures, long too',
        LOG_LEVEL: 'silent',
        ...more,
      },
      stdio: ['ignore', 'inherit', 'inherit'],
    })
    const ready = () =>
      fetch(`${metricsUrl}/readyz`).then(
        ({ status }) => status === 200,
        () => false,
      )
    while (!(await ready())) await pause(20)
  }
  const stop = async (): Promise<void> => {
    const gone = once(gateway, 'exit')
    gateway.kill('SIGTERM')
    await gone
  }

  before(async () => {
    servers = await startServersForTest(['nats', 'redis'])
    collector = await startOtlpReceiver()
    await start({
      RUM_OTLP: 'true',
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_METRIC_EXPORT_INTERVAL: '100',
      CORS_ORIGINS: PARTNER,
      TRUSTED_PROXIES: '127.0.0.1',
      ADDRESS_RATE_LIMIT: '1',
      ADDRESS_RATE_BURST: String(BURST),
    })
  })
  after(async () => {
    if (gateway.exitCode === null) await stop()
    collector.stop()
    await servers.stop()
  })

  let visitors = 0
  /** Each comes from an address of its own, but for who says otherwise. */
  const send = async (body: string, headers: Record<string, string> = {}): Promise<Answer> => {
    visitors += 1
    const response = await fetch(`${base}/rum`, {
      method: 'POST',
      headers: { 'content-type': JSON_TYPE, 'x-forwarded-for': `198.51.100.${visitors % 250}`, ...headers },
      body,
    })
    return { status: response.status, headers: response.headers, body: await response.text() }
  }
  const values = async (): Promise<ReadonlyMap<string, number>> => {
    const text = await (await fetch(`${metricsUrl}/metrics`)).text()
    return new Map(
      text
        .split('\n')
        .filter((line) => line.startsWith('votestream_rum_'))
        .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
    )
  }
  /** All that is told of visitors, without how many beacons came. */
  const recorded = async (): Promise<string> =>
    JSON.stringify([...(await values())].filter(([name]) => !name.includes('beacons')))
  const beacons = async (result: string): Promise<number> =>
    (await values()).get(`votestream_rum_beacons_total{result="${result}"}`) ?? Number.NaN

  const BEACON = {
    samples: [
      { measure: 'vote_to_seen', seconds: 0.21 },
      { measure: 'connect_to_first_board', seconds: 0.09 },
      { measure: 'lcp', seconds: 1.4 },
    ],
    layout_shift: 0.02,
    errors: { script: 2, rejection: 1 },
  }

  it('becomes histograms, without a token and without an answer', async () => {
    const { status, body, headers } = await send(JSON.stringify(BEACON), { origin: base })
    assert.deepEqual([status, body], [204, ''])
    assert.equal(headers.get('cache-control'), 'no-store')
    assert.equal(headers.get('x-content-type-options'), 'nosniff')
    const found = await values()
    assert.equal(found.get('votestream_rum_seconds_count{measure="vote_to_seen"}'), 1)
    assert.equal(found.get('votestream_rum_seconds_sum{measure="vote_to_seen"}'), 0.21)
    assert.equal(found.get('votestream_rum_seconds_bucket{le="0.2",measure="vote_to_seen"}'), 0)
    assert.equal(found.get('votestream_rum_seconds_bucket{le="0.25",measure="vote_to_seen"}'), 1)
    assert.equal(found.get('votestream_rum_seconds_count{measure="inp"}'), 0)
    assert.equal(found.get('votestream_rum_layout_shift_count'), 1)
    assert.equal(found.get('votestream_rum_errors_total{kind="script"}'), 2)
    assert.equal(found.get('votestream_rum_errors_total{kind="rejection"}'), 1)
    assert.equal(await beacons('accepted'), 1)
  })

  it('is exported over OTLP, as OpenTelemetry names and bounds it', async () => {
    const find = (name: string) => collector.latest().find((metric) => metric.name === name)
    while (!find('votestream.rum.errors')) await pause(20)
    const seconds = find('votestream.rum')
    assert.deepEqual([seconds?.service, seconds?.unit], ['votestream-page', 's'])
    const seen = seconds?.points.find(({ attributes }) => attributes.measure === 'vote_to_seen')
    assert.deepEqual([seen?.count, seen?.sum], [1, 0.21])
    assert.ok(seen?.explicitBounds?.includes(0.5))
    assert.equal(find('votestream.rum.layout_shift')?.points[0]?.count, 1)
    const kinds = find('votestream.rum.errors')?.points.map(({ attributes, asDouble }) => [
      attributes.kind,
      asDouble,
    ])
    assert.deepEqual(kinds?.sort(), [
      ['rejection', 1],
      ['script', 2],
    ])
  })

  it('is refused when it is anything else, and nothing of it is recorded', async () => {
    const before = await recorded()
    const sample = (seconds: string) => `{"samples":[{"measure":"lcp","seconds":${seconds}}]}`
    const many = Array.from({ length: 41 }, () => ({ measure: 'lcp', seconds: 1 }))
    const hostile: [body: string, status: number][] = [
      ['', 400],
      ['null', 400],
      ['[]', 400],
      ['"text"', 400],
      ['{"samples":', 400],
      [sample('NaN'), 400],
      [sample('Infinity'), 400],
      [sample('1e999'), 400],
      [sample('1e308'), 400],
      [sample('601'), 400],
      [sample('-0.001'), 400],
      [sample('"1"'), 400],
      [sample('null'), 400],
      ['{"samples":[{"measure":"lcp"}]}', 400],
      ['{"samples":[{"measure":"__proto__","seconds":1}]}', 400],
      ['{"samples":[{"measure":"toString","seconds":1}]}', 400],
      ['{"samples":[{"measure":"lcp","seconds":1,"page":"/event/x"}]}', 400],
      ['{"samples":{"length":1,"0":{"measure":"lcp","seconds":1}}}', 400],
      [JSON.stringify({ samples: many }), 400],
      ['{"layout_shift":-1}', 400],
      ['{"layout_shift":1e9}', 400],
      ['{"errors":{"script":1.5}}', 400],
      ['{"errors":{"script":101}}', 400],
      ['{"errors":{"script":0}}', 400],
      ['{"errors":{"a message with a name in it":1}}', 400],
      ['{"__proto__":{"samples":[]}}', 400],
      ['{"constructor":{"prototype":{"samples":[]}}}', 400],
      ['{"samples":[{"measure":"lcp","seconds":1,"seconds":2}]}', 400],
      ['{"message":"hello"}', 400],
      // A good part saves nothing.
      ['{"samples":[{"measure":"lcp","seconds":1},{"measure":"lcp","seconds":-1}]}', 400],
      [JSON.stringify({ ...BEACON, errors: { script: 1 } }).padEnd(4_097), 413],
    ]
    for (const [body, status] of hostile) {
      const answer = await send(body)
      assert.equal(answer.status, status, `${body.slice(0, 80)}: ${answer.body}`)
      assert.match(answer.headers.get('content-type') ?? '', /^application\/problem\+json/)
    }
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'application/json; charset=latin1',
    ]) {
      assert.equal((await send(JSON.stringify(BEACON), { 'content-type': type })).status, 415, type)
    }
    for (const method of ['GET', 'PUT', 'DELETE']) {
      assert.equal((await fetch(`${base}/rum`, { method })).status, 405)
    }
    assert.equal(await recorded(), before)
    assert.equal(await beacons('too_large'), 1)
    assert.equal(await beacons('accepted'), 1)
  })

  it('comes from the page itself and from pages that may call, and from no others', async () => {
    const before = await recorded()
    for (const origin of ['https://elsewhere.example', 'null', `${base}.elsewhere.example`]) {
      const { status, body } = await send(JSON.stringify(BEACON), { origin })
      assert.equal(status, 403, origin)
      assert.equal(JSON.parse(body).code, 'ORIGIN_NOT_ALLOWED')
    }
    assert.equal(await recorded(), before)
    assert.equal(await beacons('foreign'), 3)
    const allowed = await send('{"layout_shift":0.5}', { origin: PARTNER })
    assert.equal(allowed.status, 204)
    assert.equal(allowed.headers.get('access-control-allow-origin'), PARTNER)
  })

  it('is limited by address like any request: a flood is refused, and disturbs no other address', async () => {
    const answers = await Promise.all(
      Array.from({ length: 4 * BURST }, () =>
        send('{"errors":{"script":1}}', { 'x-forwarded-for': FLOODER }),
      ),
    )
    const refused = answers.filter(({ status }) => status === 429)
    const taken = answers.filter(({ status }) => status === 204)
    assert.equal(refused.length + taken.length, 4 * BURST)
    // The burst, and what comes up while it lasts.
    assert.ok(taken.length <= BURST + 20, `${taken.length} were taken`)
    assert.ok(Number(refused[0]?.headers.get('retry-after')) > 0)
    assert.equal(await beacons('throttled'), refused.length)
    const errors = (await values()).get('votestream_rum_errors_total{kind="script"}')
    assert.equal(errors, 2 + taken.length)
    assert.equal((await send('{"layout_shift":0.5}')).status, 204)
  })

  it('is asked of as many page loads as was set, and where none is, nothing is taken', async () => {
    const ratio = async (): Promise<unknown> => {
      const answer = await fetch(`${base}/viewer-token`, { method: 'POST' })
      return ((await answer.json()) as { rum_ratio?: unknown }).rum_ratio
    }
    assert.equal(await ratio(), 1)
    await stop()
    await start({ RUM_RATIO: '0.25' })
    assert.equal(await ratio(), 0.25)
    await stop()
    await start({ RUM_RATIO: '0' })
    assert.equal(await ratio(), undefined)
    assert.equal((await send(JSON.stringify(BEACON))).status, 404)
    assert.equal((await values()).size, 0)
  })
})
