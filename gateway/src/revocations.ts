import type { KV, KvEntry } from '@nats-io/kv'
import { followBucket } from '@votestream/infra/followed-bucket'
import type { Logger } from '@votestream/infra/logging'
import { decodeRevocation } from '@votestream/schema/revocation-record'
import type { Caller } from './caller.js'

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
 * What follows from the records. A record that cannot be read takes nothing back, and is logged: one that a newer version
 * wrote must not lock everybody out.
 */
export const createRevocationBook = (logger: Pick<Logger, 'error'>): RevocationBook => {
  const tokens = new Set<string>()
  const users = new Map<string, number>()
  const listeners = new Set<() => void>()
  let allBeforeMs = 0

  const take = (key: string, beforeMs: number | undefined): void => {
    const [kind, name = ''] = key.split('.', 2)
    if (kind === 'all') allBeforeMs = beforeMs ?? 0
    else if (kind === 'user' && beforeMs !== undefined) users.set(name, beforeMs)
    else if (kind === 'user') users.delete(name)
    else if (beforeMs !== undefined) tokens.add(name)
    else tokens.delete(name)
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

/** Resolves when every revocation that there is has been seen. While the broker is away what was known last holds. */
export const watchRevocations = async ({
  bucket,
  logger,
}: {
  readonly bucket: KV
  readonly logger: Logger
}): Promise<Revocations & { stop(): void }> => {
  const book = createRevocationBook(logger)
  const watch = await followBucket({ bucket, what: 'revocations', logger, onEntry: book.learn })
  return { ...book, stop: watch.stop }
}
