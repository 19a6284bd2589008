import type { ContestantIndex } from '@votestream/schema/numbers'
import { type Books, emptyBooks } from '@votestream/schema/replay'

/** What Redis answers, as values. */

/** As TIME says it: seconds and microseconds. */
export const timeMs = (reply: unknown): number => {
  const [seconds, microseconds] = reply as [string | number, string | number]
  return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000)
}

/** Counts of voters and of rejected votes in turn. */
export const sumOfPairs = (counts: readonly number[]): { voted: number; rejected: number } => {
  const sum = { voted: 0, rejected: 0 }
  for (const [index, count] of counts.entries()) sum[index % 2 === 0 ? 'voted' : 'rejected'] += count
  return sum
}

/** A tally as HGETALL gives it; its windows are read by themselves. */
export const tallyBooks = (tally: Record<string, string>): Books => {
  const books = emptyBooks()
  books.entries = Number(tally.entries ?? 0)
  books.rejected = Number(tally.rejected ?? 0)
  books.superseded = Number(tally.superseded ?? 0)
  books.dead = Number(tally.dead ?? 0)
  for (const [contestant, votes] of votesOf(tally)) {
    books.totals.set(contestant, votes)
    books.counted += votes
  }
  return books
}

/** The fields that are contestants; one with nothing is as one that is not there. */
export const votesOf = (fields: Record<string, string>): Map<ContestantIndex, number> => {
  const votes = new Map<ContestantIndex, number>()
  for (const [field, count] of Object.entries(fields)) {
    if (/^\d+$/.test(field) && Number(count) !== 0) votes.set(Number(field) as ContestantIndex, Number(count))
  }
  return votes
}
