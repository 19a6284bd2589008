import type { KV, KvEntry } from '@nats-io/kv'
import { followBucket } from '@votestream/infra/followed-bucket'
import type { Logger } from '@votestream/infra/logging'
import { voterNumber } from '@votestream/schema/numbers'
import type { OpaqueIds } from '@votestream/schema/opaque-ids'
import { decodeRevocation, type Revoked } from '@votestream/schema/revocation-record'
import type { Caller } from './caller.js'
import type { SecurityEvents } from './security-events.js'

/** Tokens that were taken back, in memory: it is looked at with every request. */
export interface Revocations {
  /** Whether the caller's token was taken back. */
  covers(caller: Pick<Caller, 'tokenId' | 'voter' | 'issuedAtMs'>): boolean
  /** Calls whenever something was taken back. @returns how to stop that */
  onChange(listener: () => void): () => void
}

export interface RevocationBook extends Revocations {
  learn(entry: Pick<KvEntry, 'key' | 'operation' | 'value'>): void
}

/**
 * What follows from the records. What is taken back anew is told to `onTaken`. A record that cannot be read takes nothing back, and is logged: one that a newer version
 * wrote must not lock everybody out.
 */
export const createRevocationBook = (
  logger: Pick<Logger, 'error'>,
  onTaken: (revoked: Revoked) => void = () => undefined,
): RevocationBook => {
  const tokens = new Map<string, number>()
  const users = new Map<string, number>()
  const listeners = new Set<() => void>()
  let allBeforeMs = 0

  const take = (key: string, beforeMs: number | undefined): void => {
    const [kind, name = ''] = key.split('.', 2)
    const revoked: Revoked =
      kind === 'all'
        ? { kind }
        : kind === 'user'
          ? { kind, voter: voterNumber(Number(name)) }
          : { kind: 'token', tokenId: name }
    // A watch that begins again shows everything once more.
    if (beforeMs !== undefined && beforeMs !== standing(revoked)) onTaken(revoked)
    if (revoked.kind === 'all') allBeforeMs = beforeMs ?? 0
    else if (revoked.kind === 'user' && beforeMs !== undefined) users.set(name, beforeMs)
    else if (revoked.kind === 'user') users.delete(name)
    else if (beforeMs !== undefined) tokens.set(name, beforeMs)
    else tokens.delete(name)
  }

  const standing = (revoked: Revoked): number | undefined => {
    if (revoked.kind === 'all') return allBeforeMs
    return revoked.kind === 'user' ? users.get(String(revoked.voter)) : tokens.get(revoked.tokenId)
  }

  return {
    covers({ tokenId, voter, issuedAtMs }) {
      if (issuedAtMs < allBeforeMs || (tokens.size > 0 && tokens.has(tokenId))) return true
      return users.size > 0 && voter !== undefined && issuedAtMs < (users.get(String(voter)) ?? 0)
    },
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    learn({ key, operation, value }) {
      try {
        take(key, operation === 'PUT' ? decodeRevocation(value).beforeMs : undefined)
      } catch (error) {
        logger.error({ err: error, key }, 'a revocation cannot be read')
      }
      for (const listener of listeners) listener()
    },
  }
}

interface RevocationsOptions {
  readonly bucket: KV
  readonly logger: Logger
  /** Told of what is taken back while this process runs, by whomever. */
  readonly security: SecurityEvents
  readonly ids: Pick<OpaqueIds, 'userId'>
}

/** Resolves when every revocation that there is has been seen. While the broker is away what was known last holds. */
export const watchRevocations = async (
  options: RevocationsOptions,
): Promise<Revocations & { stop(): void }> => {
  const { bucket, logger, security, ids } = options
  let known = false
  const book = createRevocationBook(logger, (revoked) => {
    if (!known) return
    if (revoked.kind === 'all') security.note('all-tokens-revoked')
    else if (revoked.kind === 'token') security.note('token-revoked')
    else security.note('user-revoked', () => ({ userId: ids.userId(revoked.voter) }))
  })
  const watch = await followBucket({ bucket, what: 'revocations', logger, onEntry: book.learn })
  known = true
  return { ...book, stop: watch.stop }
}
