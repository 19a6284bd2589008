import { defineScript, type Redis } from '@votestream/infra/redis'
import { GATEWAYS_KEY, limitKey } from '@votestream/schema/redis-keys'
import { dealTokensScript } from '@votestream/schema/redis-scripts'
import type { SharedBuckets } from './bucket-shares.js'

/** For so long a replica is counted that was not heard of. */
const KEPT_MS = 3_000

export interface RedisBuckets extends SharedBuckets {
  /** The replica is not counted any more. */
  leave(): Promise<void>
}

/** @param replica unlike any other's name */
export const createRedisBuckets = (redis: Redis, replica: string): RedisBuckets => {
  const dealTokens = defineScript(redis, dealTokensScript)
  return {
    async deal(pleas, counted) {
      const keys = [GATEWAYS_KEY, ...pleas.map(({ name }) => limitKey(name))]
      const args = pleas.flatMap(({ plea }) => [
        ...[plea.perSecond, plea.burst, plea.reserve],
        ...[plea.floor, plea.owed, plea.ask, plea.need],
      ])
      // The script's answer, as its head has it.
      const [replicas, ...given] = (await dealTokens(keys, [
        ...[replica, counted ? KEPT_MS : 0, ...args],
      ])) as number[]
      const grants = pleas.map((_, index) => ({
        tokens: Number(given[2 * index]),
        scarce: given[2 * index + 1] === 1,
      }))
      return { replicas: replicas || undefined, grants }
    },
    async leave() {
      await redis.hdel(GATEWAYS_KEY, replica)
    },
  }
}
