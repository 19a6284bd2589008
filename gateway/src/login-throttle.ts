import { VotestreamError } from '@votestream/schema/errors'
import { LRUCache } from 'lru-cache'
import { addressBlock } from './admission/address-block.js'
import { DELAY_CURVES, type DelayKind, type Failures, waitMs, withFailure } from './login-delays.js'

/** Slows down whoever guesses at passwords, whether the accounts exist or not. */
export interface LoginThrottle {
  /**
   * Asks for one attempt, which counts as a failure until it is known to be none: of many at once no more get through
   * than one after the other.
   * @param account names it, for example by its key
   * @param address of the client
   * @throws VotestreamError TOO_MANY_LOGINS that says when to try again; what is refused is not counted
   */
  begin(account: string, address: string): LoginAttempt
  /** Counts an attempt in the same way, whatever failed before: it was let through by those who count together. */
  note(account: string, address: string): LoginAttempt
}

export interface LoginAttempt {
  /** The password was right: what failed before from there is forgotten, and the place is known from now on. */
  succeeded(): void
  /** Whether it was right was never found out. */
  undo(): void
}

/**
 * Of each kind. Beyond it what was used longest ago is forgotten: somebody with more addresses than that could be rid of
 * the waits.
 */
const REMEMBERED_MAX = 100_000

/**
 * In the memory of this process, which forgets them with a restart. Of several gateways `shareLogins` makes one.
 *
 * Nobody locks another one out: whatever is guessed elsewhere, a network from which an account's owner has logged in before
 * is slowed down by its own failures alone. From anywhere else an account under attack takes one attempt in half a minute,
 * of whoever comes first.
 */
export const createLoginThrottle = ({
  now = () => performance.now(),
  rememberedMax = REMEMBERED_MAX,
}: {
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number
  readonly rememberedMax?: number
} = {}): LoginThrottle => {
  const remembered = () => new LRUCache<string, Failures>({ max: rememberedMax })
  const failures = { pair: remembered(), account: remembered(), address: remembered() }
  /** Pairs of account and network that have logged in. */
  const known = new LRUCache<string, true>({ max: rememberedMax })

  const count = (kind: DelayKind, key: string, atMs: number): (() => void) => {
    const before = failures[kind].get(key)
    failures[kind].set(key, withFailure(DELAY_CURVES[kind], before, atMs))
    return () => {
      const standing = failures[kind].get(key)
      if (!standing || standing.count <= 1) failures[kind].delete(key)
      else {
        // Others may have failed meanwhile: theirs stand.
        const isLast = standing.atMs === atMs
        failures[kind].set(key, {
          count: standing.count - 1,
          atMs: isLast ? (before?.atMs ?? atMs) : standing.atMs,
        })
      }
    }
  }

  /** What a try counts for; of a pair that has logged in only its own failures count. */
  const countersOf = (
    account: string,
    address: string,
  ): { readonly pair: string; readonly counted: Counter[] } => {
    const network = addressBlock(address)
    const pair = `${account} ${network}`
    const everywhere: Counter[] = [
      ['account', account],
      ['address', network],
    ]
    return { pair, counted: [['pair', pair], ...(known.get(pair) ? [] : everywhere)] }
  }

  const attempt = (pair: string, counted: readonly Counter[], atMs: number): LoginAttempt => {
    const undone = counted.map(([kind, key]) => count(kind, key, atMs))
    const undo = (): void => {
      for (const each of undone) each()
    }
    return {
      undo,
      succeeded() {
        undo()
        failures.pair.delete(pair)
        known.set(pair, true)
      },
    }
  }

  return {
    begin(account, address) {
      const atMs = now()
      const { pair, counted } = countersOf(account, address)
      const waits = counted.map(([kind, key]) => waitMs(DELAY_CURVES[kind], failures[kind].get(key), atMs))
      const longestMs = Math.max(...waits)
      if (longestMs > 0) throw tooManyLogins(longestMs)
      return attempt(pair, counted, atMs)
    },
    note(account, address) {
      const { pair, counted } = countersOf(account, address)
      return attempt(pair, counted, now())
    },
  }
}

type Counter = readonly [kind: DelayKind, key: string]

export const tooManyLogins = (waitMs: number): VotestreamError =>
  new VotestreamError('TOO_MANY_LOGINS', { retryAfterSeconds: Math.ceil(waitMs / 1_000) })
