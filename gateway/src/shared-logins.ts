import type { Logger } from '@votestream/infra/logging'
import { LRUCache } from 'lru-cache'
import { addressBlock } from './admission/address-block.js'
import { type LoginAttempt, type LoginThrottle, tooManyLogins } from './login-throttle.js'

/** The same, of several gateways that count together. */
export interface SharedLoginThrottle {
  /** @throws VotestreamError TOO_MANY_LOGINS, as `LoginThrottle.begin` */
  begin(account: string, address: string): Promise<LoginAttempt>
}

/** Where the gateways count together. */
export interface LoginCounts {
  /** Asks for one attempt, and counts it unless there is a wait. @param network of the client's address */
  begin(account: string, network: string): Promise<LoginAnswer>
}

export type LoginAnswer =
  | {
      /** How long the next attempt has to wait yet, in milliseconds. */
      readonly waitMs: number
      /** How long of that for the failures of this account from this network. Nobody can shorten it. */
      readonly pairWaitMs: number
    }
  | {
      readonly waitMs: 0
      /** It was no failure. @param right whether the password was */
      end(right: boolean): Promise<void>
    }

interface SharedLoginsOptions {
  /** Of this process: it counts alike, and decides while the others cannot be asked. */
  readonly own: LoginThrottle
  readonly counts: LoginCounts
  readonly logger: Pick<Logger, 'warn' | 'info'>
  /** A login waits no longer to be counted; the hash of its password takes about as long. */
  readonly answerMs?: number
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number
}

const ANSWER_MS = 100
/** At once. Beyond it this process decides by itself. */
const ASKED_MAX = 1_000
/** Pairs that are refused without asking; what was used longest ago is asked for again. */
const REFUSED_MAX = 100_000

/**
 * Failed logins count wherever they come in: N gateways let through no more guesses than one. While Redis is away, or slow,
 * each of them goes by its own count, so that they let through N times as many, and nobody is let in or kept out by it for
 * longer: both counts fade, and no wait is longer than a quarter of an hour.
 */
export const shareLogins = (options: SharedLoginsOptions): SharedLoginThrottle => {
  const { own, counts, logger, answerMs = ANSWER_MS, now = () => performance.now() } = options
  /** Until when a pair is refused, by `now`. */
  const refused = new LRUCache<string, number>({ max: REFUSED_MAX })
  let asked = 0
  let away = false

  const ask = async (account: string, network: string): Promise<LoginAnswer | undefined> => {
    if (asked >= ASKED_MAX) return undefined
    asked += 1
    const counted = counts.begin(account, network).finally(() => {
      asked -= 1
    })
    try {
      const answer = await within(answerMs, counted)
      if (away) logger.info('failed logins are counted together again')
      away = false
      return answer
    } catch (error) {
      // Said once, and not of every login.
      if (!away)
        logger.warn({ err: error }, 'failed logins are not counted together; this process goes by its own')
      away = true
      // Counted after all, later: by then this process has counted it, and once is enough.
      counted.then(takeBack).catch(() => undefined)
      return undefined
    }
  }

  return {
    async begin(account, address) {
      const network = addressBlock(address)
      const pair = `${account} ${network}`
      const leftMs = (refused.get(pair) ?? 0) - now()
      if (leftMs > 0) throw tooManyLogins(leftMs)
      const answer = await ask(account, network)
      if (!answer) return own.begin(account, address)
      if (!('end' in answer)) {
        if (answer.pairWaitMs > 0) refused.set(pair, now() + answer.pairWaitMs)
        throw tooManyLogins(answer.waitMs)
      }
      const noted = own.note(account, address)
      // Where it is not taken back it fades.
      const end = (right: boolean): void => void answer.end(right).catch(() => undefined)
      return {
        undo() {
          noted.undo()
          end(false)
        },
        succeeded() {
          noted.succeeded()
          end(true)
        },
      }
    },
  }
}

const takeBack = async (answer: LoginAnswer): Promise<void> => {
  if ('end' in answer) await answer.end(false)
}

/** @throws Error when there was no answer in time. */
const within = async <Answer>(ms: number, asked: Promise<Answer>): Promise<Answer> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([asked, late])
  } finally {
    clearTimeout(timer)
  }
}
