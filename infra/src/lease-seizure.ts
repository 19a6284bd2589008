import { setTimeout as pause } from 'node:timers/promises'
import { JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream'
import type { KV } from '@nats-io/kv'
import type { Shard } from '@votestream/schema/numbers'
import { leaseKey, RENEW_EVERY_MS, TRUST_MS } from './leases.js'
import { LEASE_TTL_MS } from './streams.js'

interface SeizureOptions {
  readonly bucket: KV
  /** What the lease is for: `ingest`, `tally`, `archive`, `janitor`. */
  readonly role: string
  readonly shard: Shard
  /** Names who seizes; unique, unlike the instances' names. */
  readonly instance: string
}

/** A lease that was taken away from whoever held it. */
export interface SeizedLease {
  /** Aborted when the lease is somebody else's again, or can no longer be renewed. */
  readonly signal: AbortSignal
  /**
   * Resolves when whoever held it has ended its work, as far as it lives: it sees the new owner at once, is refused
   * its next renewal, and cut off from the broker it ends when its trust runs out. Work that is correct beside it
   * need not wait.
   */
  readonly alone: Promise<void>
  /** At once, so that a waiting instance need not wait for it to run out. Dying before: it runs out by itself. */
  giveBack(): Promise<void>
}

/** A lease could not be kept for as long as it was needed: somebody else seized it, or the broker is away. */
export class SeizureLostError extends Error {
  override readonly name = 'SeizureLostError'
}

/**
 * Takes a lease away from its holder, for an operator's command. Nothing asks the holder: the lease is written over as it
 * stands, so that it is known from whom it was taken. It says who should work, and no more, so the work must be correct
 * beside a holder that has not noticed yet.
 */
export const seizeLease = async ({ bucket, role, shard, instance }: SeizureOptions): Promise<SeizedLease> => {
  const key = leaseKey(role, shard)
  const lost = new AbortController()
  const ended = new AbortController()
  const { from, revision: seized } = await writeOver(bucket, key, instance)
  let revision = seized
  let renewedAtMs = performance.now()

  const renew = async (): Promise<void> => {
    const atMs = performance.now()
    try {
      revision = await bucket.update(key, instance, revision, RENEW_EVERY_MS)
      renewedAtMs = atMs
    } catch (error) {
      if (!(error instanceof JetStreamApiError)) return
      // Another revision: one of ours whose answer was lost, or somebody else's.
      const now = await bucket.get(key).catch(() => undefined)
      if (now?.operation === 'PUT' && now.string() === instance) revision = now.revision
      else if (now !== undefined) lost.abort()
    }
  }
  const renewing = (async () => {
    while (!ended.signal.aborted && !lost.signal.aborted) {
      await pause(RENEW_EVERY_MS, undefined, { signal: ended.signal }).catch(() => undefined)
      if (ended.signal.aborted) return
      await renew()
      if (performance.now() - renewedAtMs > TRUST_MS) lost.abort()
    }
  })()

  const alone =
    from !== undefined && from !== instance
      ? pause(LEASE_TTL_MS, undefined, { signal: ended.signal }).catch(() => undefined)
      : Promise.resolve()
  return {
    signal: lost.signal,
    alone,
    async giveBack() {
      ended.abort()
      await renewing
      await bucket.delete(key, { previousSeq: revision }).catch(() => undefined)
    },
  }
}

/** A lease that stands is renewed once a second, and changes hands rarely. */
const ATTEMPTS_MAX = 50

interface Written {
  readonly revision: number
  /** Whose it was; undefined: nobody's. */
  readonly from: string | undefined
}

/**
 * Writes over what was read, and over nothing else: who took the lease in between, or seized it, is no less a holder to be
 * waited for.
 */
const writeOver = async (bucket: KV, key: string, instance: string): Promise<Written> => {
  for (let attempts = 1; ; attempts += 1) {
    const before = await bucket.get(key)
    const from = before?.operation === 'PUT' ? before.string() : undefined
    try {
      const revision =
        before && from !== undefined
          ? await bucket.update(key, instance, before.revision)
          : await bucket.create(key, instance)
      return { revision, from }
    } catch (error) {
      if (!isConflict(error) || attempts >= ATTEMPTS_MAX) throw error
    }
  }
}

/** Something else stands than was read. */
const isConflict = (error: unknown): boolean =>
  error instanceof JetStreamApiError &&
  (error.code === JetStreamApiCodes.StreamWrongLastSequence ||
    error.code === JetStreamApiCodes.StreamWrongLastSequenceUnknown)

/**
 * Works under a lease that is taken from its holder, and gives it back whatever comes of the work.
 * @throws SeizureLostError when the lease was lost before the work was done.
 */
export const withSeizedLease = async <Result>(
  options: SeizureOptions,
  work: (lease: Pick<SeizedLease, 'signal' | 'alone'>) => Promise<Result>,
): Promise<Result> => {
  const lease = await seizeLease(options)
  try {
    return await work(lease)
  } catch (error) {
    if (!lease.signal.aborted) throw error
    const { role, shard } = options
    throw new SeizureLostError(`the lease ${role}.${shard} was lost to somebody else`, { cause: error })
  } finally {
    await lease.giveBack()
  }
}
