import type { KV } from '@nats-io/kv'
import { readBucket } from '@votestream/infra/followed-bucket'
import { VotestreamError } from '@votestream/schema/errors'
import {
  decodeRevocation,
  encodeRevocation,
  REVOCATIONS_MAX,
  type Revoked,
  revocationKey,
  TOKEN_LIFE_SECONDS_MAX,
} from '@votestream/schema/revocation-record'
import type { Store } from './store.js'

/** Takes tokens back: every gateway knows it within a second of the answer. */
export interface Revoking {
  /**
   * @param beforeMs of tokens of a user, and of all: those issued before it; milliseconds since 1970
   * @throws VotestreamError TOO_MANY_REVOCATIONS, STORE_UNAVAILABLE
   */
  revoke(revoked: Revoked, beforeMs?: number): Promise<void>
}

interface RevokingOptions {
  readonly bucket: KV
  readonly store: Store
  /** Milliseconds since 1970. */
  readonly now: () => number
}

export const createRevoking = ({ bucket, store, now }: RevokingOptions): Revoking => ({
  async revoke(revoked, beforeMs = now()) {
    const key = revocationKey(revoked)
    await store(async () => {
      const { values } = await bucket.status()
      if (values < REVOCATIONS_MAX) return
      // Rarely: what has expired by itself makes room.
      if ((await forgetExpired(bucket, now())) === 0) throw new VotestreamError('TOO_MANY_REVOCATIONS')
    })
    // 1. It is written. Dying before: nothing was taken back, and nobody was told so.
    // 2. The watch of every gateway brings it. Dying before the answer: it holds, and asking again changes nothing.
    const untilMs = beforeMs + TOKEN_LIFE_SECONDS_MAX * 1_000
    await store(() => bucket.put(key, encodeRevocation({ version: 1, beforeMs, untilMs })))
  },
})

/** @returns how many were forgotten. */
const forgetExpired = async (bucket: KV, nowMs: number): Promise<number> => {
  const expired = (await readBucket(bucket)).filter(({ value }) => decodeRevocation(value).untilMs <= nowMs)
  for (const { key } of expired) await bucket.purge(key)
  return expired.length
}
