import assert from 'node:assert/strict'
import type { Rate } from '../../../src/admission/limits.js'
import { type Demand, simulate, sum } from './simulation.js'

const SERVICE: Rate = { perSecond: 10_000, burst: 5_000 }
const USER: Rate = { perSecond: 50, burst: 200 }
const SECONDS = 10

/** Requests of one millisecond, at so many a second. */
const perMs = (perSecond: number, atMs: number): number =>
  Math.floor(((atMs + 1) * perSecond) / 1_000) - Math.floor((atMs * perSecond) / 1_000)

/** How far the replicas together are off, in parts of what the limit lets through in that time. */
const errorOf = (admitted: readonly number[], ideal: readonly number[], { perSecond, burst }: Rate): number =>
  (sum(admitted) - sum(ideal)) / (burst + perSecond * SECONDS)

/** The most by which any stretch of time has more than the rate gives for it. */
const worstBurst = (admitted: readonly number[], perSecond: number): number => {
  let worst = 0
  let here = 0
  for (const count of admitted) {
    here = Math.max(0, here + count - perSecond / 1_000)
    worst = Math.max(worst, here)
  }
  return worst
}

const DEMANDS: Readonly<Record<string, (replicas: number, perSecond: number) => Demand>> = {
  'too much, evenly': (replicas, perSecond) => (_replica, atMs) => perMs((perSecond * 1.5) / replicas, atMs),
  'too much, all at one of them': (_replicas, perSecond) => (replica, atMs) =>
    replica === 0 ? perMs(perSecond * 1.5, atMs) : 0,
  'too much, nine tenths at one of them': (replicas, perSecond) => (replica, atMs) =>
    perMs(perSecond * 2 * (replica === 0 ? 0.9 : 0.1 / Math.max(1, replicas - 1)), atMs),
  'too much, at another one twice a second': (replicas, perSecond) => (replica, atMs) =>
    Math.floor(atMs / 500) % replicas === replica ? perMs(perSecond * 2, atMs) : 0,
  'just within it, evenly': (replicas, perSecond) => (_replica, atMs) =>
    perMs((perSecond * 0.98) / replicas, atMs),
  'just within it, all at one of them': (_replicas, perSecond) => (replica, atMs) =>
    replica === 0 ? perMs(perSecond * 0.98, atMs) : 0,
  'a burst each second, each at another one': (replicas, perSecond) => (replica, atMs) =>
    atMs % 1_000 < 100 && Math.floor(atMs / 1_000) % replicas === replica ? perMs(perSecond * 8, atMs) : 0,
}

describe('limits that replicas share', () => {
  for (const replicas of [1, 2, 4]) {
    for (const [name, demandOf] of Object.entries(DEMANDS)) {
      it(`are kept within 2 % over 10 s by ${replicas} of them: ${name}`, async () => {
        const demand = demandOf(replicas, SERVICE.perSecond)
        const { admitted, ideal } = await simulate({
          rate: SERVICE,
          replicas,
          demand,
          forMs: SECONDS * 1_000,
        })
        const error = errorOf(admitted, ideal, SERVICE)
        assert.ok(Math.abs(error) <= 0.02, `${(error * 100).toFixed(2)} %`)
        // However they are asked, and in whatever stretch of time.
        const burst = worstBurst(admitted, SERVICE.perSecond)
        assert.ok(burst <= SERVICE.burst + SERVICE.perSecond * 0.025, `a burst of ${burst}`)
      })
    }
  }

  for (const [name, demandOf] of Object.entries(DEMANDS)) {
    it(`of one user are kept within 2 % over 10 s by 4 of them: ${name}`, async () => {
      const demand = demandOf(4, USER.perSecond * 2)
      const run = { rate: USER, replicas: 4, everywhere: false, demand, forMs: SECONDS * 1_000 }
      const { admitted, ideal } = await simulate(run)
      const error = errorOf(admitted, ideal, USER)
      assert.ok(Math.abs(error) <= 0.02, `${(error * 100).toFixed(2)} %`)
    })
  }

  it('are had by whoever is asked: a replica with all requests admits as many as one alone', async () => {
    const demand: Demand = (replica, atMs) => (replica === 3 ? perMs(9_000, atMs) : 0)
    const { admitted, ideal } = await simulate({ rate: SERVICE, replicas: 4, demand, forMs: 3_000 })
    assert.equal(sum(admitted), sum(ideal))
  })

  it('are divided while Redis is away: each replica keeps its share, and none is without a limit', async () => {
    const demand: Demand = (replica, atMs) => perMs(replica === 0 ? 20_000 : 4_000, atMs)
    const away = (atMs: number) => atMs >= 2_000 && atMs < 8_000
    const run = { rate: SERVICE, replicas: 4, demand, forMs: SECONDS * 1_000, away }
    const { admitted, byReplica } = await simulate(run)
    const meanwhile = sum(admitted.slice(3_000, 8_000)) / 5
    assert.ok(Math.abs(meanwhile / SERVICE.perSecond - 1) <= 0.02, `${meanwhile} a second`)
    for (const own of byReplica) assert.ok(own >= 6 * 2_400, `one of them admitted ${own}`)
    const afterwards = sum(admitted.slice(8_500, 10_000)) / 1.5
    assert.ok(Math.abs(afterwards / SERVICE.perSecond - 1) <= 0.02, `${afterwards} a second afterwards`)
    assert.ok(worstBurst(admitted, SERVICE.perSecond) <= 2 * SERVICE.burst)
  })
})
