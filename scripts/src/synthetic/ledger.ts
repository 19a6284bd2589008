/**
 * What a board of an event may show, when nobody votes in it but the prober: a contestant has one check at a time, so each
 * frame says of each vote whether it is there, and every total has a bound on both sides.
 */
export interface Ledger {
  /** A contestant that nothing is known to be on its way to; undefined: there is none. */
  begin(nowMs: number): Ticket | undefined
  /** What became of the vote. `uncertain`: it may be counted or not, now or later. */
  answered(ticket: Ticket, as: VoteFate, nowMs: number): void
  /** The contestant takes the next check. */
  settle(ticket: Ticket): void
  /** A board has the vote. @param totals by contestant */
  has(ticket: Ticket, totals: readonly number[]): boolean
  /** What is wrong with a board, by itself and after the one that the same viewer was shown before it. */
  faults(totals: readonly number[], before: readonly number[] | undefined): BoardFault[]
}

export type VoteFate = 'acknowledged' | 'refused' | 'uncertain'

export interface Ticket {
  readonly contestant: number
  /** What the contestant has with this vote. */
  readonly total: number
}

export interface BoardFault {
  readonly contestant: number
  readonly sentence: string
}

interface Account {
  /** Votes that were acknowledged, and so must count. */
  acknowledged: number
  /** Votes that may count. */
  uncertain: number
  isTaken: boolean
  /** Its vote is sent, and not answered. */
  isUnanswered: boolean
  /** With an uncertain vote, until then: it may still be counted. */
  restsUntilMs: number
  /** The most that was ever shown. */
  shown: number
}

/** A gateway answers a request within 29 s, and what it had sent by then is decided. */
const REST_MS = 35_000

export const createLedger = (contestants: number): Ledger => {
  const accounts: Account[] = Array.from({ length: contestants }, () => ({
    acknowledged: 0,
    uncertain: 0,
    isTaken: false,
    isUnanswered: false,
    restsUntilMs: 0,
    shown: 0,
  }))
  let next = 0

  const isFree = ({ isTaken, uncertain, restsUntilMs }: Account, nowMs: number): boolean =>
    !isTaken && (uncertain === 0 || restsUntilMs <= nowMs)

  const accountOf = ({ contestant }: Ticket): Account => {
    const account = accounts[contestant]
    if (!account) throw new RangeError(`there is no contestant ${contestant}`)
    return account
  }

  return {
    begin(nowMs) {
      for (let tries = 0; tries < contestants; tries += 1) {
        const contestant = next
        next = (next + 1) % contestants
        const account = accounts[contestant]
        if (!account || !isFree(account, nowMs)) continue
        // Whatever was uncertain has been decided: what is shown by now is what it has.
        if (account.uncertain > 0) {
          account.acknowledged = Math.max(account.acknowledged, account.shown)
          account.uncertain = 0
        }
        account.isTaken = true
        account.isUnanswered = true
        return { contestant, total: account.acknowledged + 1 }
      }
      return undefined
    },
    answered(ticket, as, nowMs) {
      const account = accountOf(ticket)
      account.isUnanswered = false
      if (as === 'acknowledged') account.acknowledged += 1
      if (as === 'uncertain') {
        account.uncertain += 1
        account.restsUntilMs = nowMs + REST_MS
      }
    },
    settle(ticket) {
      accountOf(ticket).isTaken = false
    },
    has: ({ contestant, total }, totals) => (totals[contestant] ?? 0) >= total,
    faults(totals, before) {
      const faults: BoardFault[] = []
      for (const [contestant, account] of accounts.entries()) {
        const shown = totals[contestant] ?? 0
        const most = account.acknowledged + account.uncertain + (account.isUnanswered ? 1 : 0)
        const least = before?.[contestant] ?? 0
        account.shown = Math.max(account.shown, Math.min(shown, most))
        if (shown > most) {
          const sentence = `contestant ${contestant + 1} has ${shown} votes, and at most ${most} were cast`
          faults.push({ contestant, sentence })
        } else if (shown < least) {
          const sentence = `contestant ${contestant + 1} has ${shown} votes, and had ${least} before`
          faults.push({ contestant, sentence })
        }
      }
      return faults
    },
  }
}
