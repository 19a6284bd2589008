import { VotestreamError } from '@votestream/schema/errors'
import { LRUCache } from 'lru-cache'
import { createTokenBucket, type TokenBucket, type TokenBucketLimit } from './token-bucket.js'
import type { Tokens } from './tokens.js'

/** Tokens for visitors who have no account: they read results and nothing else. */
export interface ViewerTokens {
  /** @throws VotestreamError RATE_LIMITED, which says when to ask again. */
  issue(address: string): string
}

interface ViewerTokensOptions {
  readonly tokens: Pick<Tokens, 'issue'>
  readonly ttlSeconds?: number
  readonly perAddress?: TokenBucketLimit
  readonly inTotal?: TokenBucketLimit
  /** Addresses that are remembered; beyond it the one that asked longest ago starts anew. */
  readonly addressesMax?: number
  readonly now?: () => number
}

const TTL_SECONDS = 15 * 60

/** A whole office, or a mobile network's exit, may stand behind one address. */
const PER_ADDRESS: TokenBucketLimit = { burst: 100, perSecond: 5 }
const IN_TOTAL: TokenBucketLimit = { burst: 5_000, perSecond: 1_000 }

export const createViewerTokens = ({
  tokens,
  ttlSeconds = TTL_SECONDS,
  perAddress = PER_ADDRESS,
  inTotal = IN_TOTAL,
  addressesMax = 10_000,
  now = Date.now,
}: ViewerTokensOptions): ViewerTokens => {
  const total = createTokenBucket(inTotal, now())
  const addresses = new LRUCache<string, TokenBucket>({ max: addressesMax })

  return {
    issue(address) {
      const nowMs = now()
      const own = addresses.get(address) ?? createTokenBucket(perAddress, nowMs)
      addresses.set(address, own)
      // The address first: one that asks too often takes nothing from the others.
      for (const bucket of [own, total]) {
        const waitMs = bucket.take(nowMs)
        if (waitMs > 0) {
          throw new VotestreamError('RATE_LIMITED', { retryAfterSeconds: Math.ceil(waitMs / 1_000) })
        }
      }
      return tokens.issue({ scopes: ['results:read'], ttlSeconds })
    },
  }
}
