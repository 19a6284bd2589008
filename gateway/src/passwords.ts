import { randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { hash, verify } from '@node-rs/argon2'
import type { QueueFigures } from '@votestream/infra/metrics/queues'
import { VotestreamError } from '@votestream/schema/errors'
import pLimit from 'p-limit'

export interface Passwords {
  /** @returns a PHC string. @throws VotestreamError OVERLOADED */
  hash(password: string): Promise<string>
  /**
   * Without a stored hash it takes as long as with one, and answers false.
   * @throws VotestreamError OVERLOADED
   */
  verify(storedHash: string | undefined, password: string): Promise<boolean>
}

interface PasswordsOptions {
  /** Hashes computed at once; each takes 19 MiB and one thread off the event loop. */
  readonly concurrency?: number
  /** Hashes that may wait for their turn; beyond, they are turned away. */
  readonly waitingMax?: number
}

/** The library's algorithm is argon2id unless told otherwise; the figures are OWASP's least. */
const PARAMETERS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }
/** libuv has four threads for everything; one stays free for files and names. */
const CONCURRENCY_MAX = 3

export const createPasswords = ({
  concurrency = Math.min(CONCURRENCY_MAX, availableParallelism()),
  waitingMax = 128,
}: PasswordsOptions = {}): Passwords & { readonly queue: QueueFigures } => {
  let refused = 0
  const limit = pLimit(concurrency)
  const inTurn = <Value>(work: () => Promise<Value>): Promise<Value> => {
    if (limit.pendingCount >= waitingMax) {
      refused += 1
      throw new VotestreamError('OVERLOADED', { retryAfterSeconds: 2 })
    }
    return limit(work)
  }
  // No password has this hash.
  let dummy: Promise<string> | undefined

  return {
    queue: { depth: () => limit.pendingCount, bound: waitingMax, refused: () => refused },
    hash: async (password) => inTurn(() => hash(prepared(password), PARAMETERS)),
    async verify(storedHash, password) {
      dummy ??= hash(randomBytes(32), PARAMETERS)
      const compared = storedHash ?? (await dummy)
      const matches = await inTurn(() => verify(compared, prepared(password)))
      return matches && storedHash !== undefined
    },
  }
}

/** The same characters typed on different keyboards are the same password. */
const prepared = (password: string): string => password.normalize('NFC')
