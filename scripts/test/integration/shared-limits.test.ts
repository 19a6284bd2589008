import assert from 'node:assert/strict'
import { Agent, request } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { type SmallSystem, startSmallSystem } from '../../src/bench/small-system.js'

const RATE = 300
const BURST = 150
/** Of what the limit lets through in 10 s. */
const TOLERANCE = 0.02 * (BURST + 10 * RATE)

/** What a bucket admits of what is asked at these times. @param level of it at first */
const idealOf = (askedMs: readonly number[], rate: number, burst: number, level: number): number => {
  let tokens = level
  let atMs = askedMs[0] ?? 0
  let admitted = 0
  for (const nowMs of askedMs) {
    tokens = Math.min(burst, tokens + ((nowMs - atMs) * rate) / 1_000)
    atMs = nowMs
    if (tokens < 1) continue
    tokens -= 1
    admitted += 1
  }
  return admitted
}

describe('limits of two gateways', function () {
  this.timeout(60_000)
  let system: SmallSystem
  const agent = new Agent({ keepAlive: true })

  before(async () => {
    const env = { RATE_LIMIT: String(RATE), RATE_BURST: String(BURST) }
    system = await startSmallSystem({ contestants: ['A'], gateways: 2, env })
  })
  after(async () => {
    agent.destroy()
    await system?.stop()
  })

  const ask = (port: number, token: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const path = `/v1/contestants/${system.events[0]?.id}`
      const headers = { authorization: `Bearer ${token}` }
      const sent = request({ host: '127.0.0.1', port, path, headers, agent }, (response) => {
        response.resume().once('end', () => resolve(response.statusCode ?? 0))
      })
      sent.once('error', reject).end()
    })

  /** Asks each of them with so many clients at once. @returns when each was asked, and how often it said yes */
  const press = async (clients: readonly number[], forMs: number) => {
    const token = system.viewerToken()
    const startMs = performance.now()
    const pressed = system.gateways.map(({ port }) => ({ port, askedMs: [] as number[], admitted: 0 }))
    const statuses = new Set<number>()
    const run = async (gateway: (typeof pressed)[number]): Promise<void> => {
      while (performance.now() - startMs < forMs) {
        gateway.askedMs.push(performance.now())
        const status = await ask(gateway.port, token)
        if (status === 200) gateway.admitted += 1
        statuses.add(status)
        await pause(5)
      }
    }
    const running = pressed.flatMap((gateway, index) =>
      Array.from({ length: clients[index] ?? 0 }, () => run(gateway)),
    )
    await Promise.all(running)
    assert.deepEqual([...statuses].sort(), [200, 429])
    return pressed
  }
  const isFull = async (): Promise<void> => {
    const begun = performance.now()
    while (performance.now() - begun < (1_000 * BURST) / RATE + 600) await pause(50)
  }

  for (const [name, clients] of [
    ['evenly', [8, 8]],
    ['nearly all at one of them', [14, 1]],
  ] as const) {
    it(`are one limit, when it comes ${name}`, async () => {
      await isFull()
      const pressed = await press(clients, 3_000)
      const all = pressed.reduce((sum, { admitted }) => sum + admitted, 0)
      const askedMs = pressed.flatMap((gateway) => gateway.askedMs).sort((one, other) => one - other)
      const ideal = idealOf(askedMs, RATE, BURST, BURST)
      assert.ok(Math.abs(all - ideal) <= TOLERANCE, `${all} instead of ${ideal}`)
    })
  }

  it('are divided when Redis dies: each gateway keeps its share', async () => {
    process.kill(system.servers.get('redis').pid, 'SIGKILL')
    await press([8, 8], 1_000)
    for (const { admitted, askedMs } of await press([8, 8], 2_000)) {
      const [least, most] = [0, BURST / 2].map((level) => idealOf(askedMs, RATE / 2, BURST / 2, level)) as [
        number,
        number,
      ]
      const isShare = admitted >= 0.95 * least - 1 && admitted <= 1.02 * most + 1
      assert.ok(isShare, `${admitted}, not from ${least} to ${most}`)
    }
  })
})
