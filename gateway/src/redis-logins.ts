import { createHmac } from 'node:crypto'
import { defineScript, type Redis } from '@votestream/infra/redis'
import { KNOWN_LOGINS_KEY, loginFailuresKey } from '@votestream/schema/redis-keys'
import { beginLoginScript, endLoginScript } from '@votestream/schema/redis-scripts'
import { countMax, DELAY_CURVES, type DelayKind } from './login-delays.js'
import type { LoginCounts } from './shared-logins.js'

const KINDS = ['pair', 'account', 'address'] as const satisfies readonly DelayKind[]

const CURVES = KINDS.flatMap((kind) => {
  const { free, doubleEvery, delayMaxMs, halfLifeMs } = DELAY_CURVES[kind]
  return [free, doubleEvery, delayMaxMs, halfLifeMs, countMax(DELAY_CURVES[kind])]
})

/** Pairs that have logged in: 50 MB of Redis. Whose is forgotten waits with all others while its account is guessed at. */
const KNOWN_MAX = 500_000
const KNOWN_MS = 30 * 24 * 60 * 60 * 1_000

/**
 * Failed logins in Redis. What is guessed at is kept for as long as it slows anybody down, 6 hours to a day: of each
 * account, each network, and each pair of them.
 * @param secret without it nobody can tell which accounts and addresses the digests stand for
 */
export const createRedisLogins = (redis: Redis, secret: string): LoginCounts => {
  const beginLogin = defineScript(redis, beginLoginScript)
  const endLogin = defineScript(redis, endLoginScript)
  const digest = (kind: DelayKind, name: string): string =>
    createHmac('sha256', secret).update(`${kind} of a login: ${name}`).digest('base64url').slice(0, 22)

  return {
    async begin(account, network) {
      const names = { pair: `${account} ${network}`, account, address: network }
      const pair = digest('pair', names.pair)
      const keys = KINDS.map((kind) => loginFailuresKey(kind, digest(kind, names[kind])))
      // The script's answer, as its head has it.
      const [waitMs = 0, ...told] = (await beginLogin(
        [KNOWN_LOGINS_KEY, ...keys],
        [pair, ...CURVES],
      )) as number[]
      if (waitMs > 0) return { waitMs, pairWaitMs: told[0] ?? 0 }
      const [atMs = 0, ...befores] = told
      const counted = [KNOWN_LOGINS_KEY, ...keys.slice(0, befores.length)]
      return {
        waitMs: 0,
        async end(right) {
          await endLogin(counted, [pair, right ? 1 : 0, atMs, KNOWN_MAX, KNOWN_MS, ...befores])
        },
      }
    },
  }
}
