import assert from 'node:assert/strict'
import { Agent, request } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { type SmallSystem, startSmallSystem } from '../../src/bench/small-system.js'

const RATE = 300
const BURST = 150
/** Of what the limit lets through in 10 s. */
const TOLERANCE = 0.02 * (BURST + 10 * RATE)

/** One bucket for all, that is full at first. */
const idealOf = (askedMs: readonly number[]): number => {
  let level = BURST
  let atMs = askedMs[0] ?? 0
  let admitted = 0
  for (const nowMs of askedMs) {
    level = Math.min(BURST, level + ((nowMs - atMs) * RATE) / 1_000)
    atMs = nowMs
    if (level < 1) continue
    level -= 1
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

  /** Asks each of them with so many clients at once. @returns how many each admitted, and one bucket would have */
  const press = async (clients: readonly number[], forMs: number) => {
    const token = system.viewerToken()
    const startMs = performance.now()
    const admitted = system.gateways.map(() => 0)
    const askedMs: number[] = []
    const statuses = new Set<number>()
    const run = async (index: number): Promise<void> => {
      while (performance.now() - startMs < forMs) {
        askedMs.push(performance.now())
        const status = await ask(system.gateways[index]?.port ?? 0, token)
        if (status === 200) admitted[index] = (admitted[index] ?? 0) + 1
        statuses.add(status)
        await pause(5)
      }
    }
    await Promise.all(clients.flatMap((count, index) => Array.from({ length: count }, () => run(index))))
    assert.deepEqual([...statuses].sort(), [200, 429])
    const all = admitted.reduce((sum, each) => sum + each, 0)
    return { admitted, all, ideal: idealOf(askedMs), seconds: (performance.now() - startMs) / 1_000 }
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
      const { all, ideal } = await press(clients, 3_000)
      assert.ok(Math.abs(all - ideal) <= TOLERANCE, `${all} instead of ${ideal}`)
    })
  }

  it('are divided when Redis dies: each gateway keeps its share', async () => {
    process.kill(system.servers.get('redis').pid, 'SIGKILL')
    await press([8, 8], 1_000)
    const { admitted, seconds } = await press([8, 8], 2_000)
    for (const own of admitted) {
      const share = (RATE * seconds) / 2
      assert.ok(Math.abs(own - share) <= 0.1 * share + 1, `${own} of ${share}`)
    }
  })
})
