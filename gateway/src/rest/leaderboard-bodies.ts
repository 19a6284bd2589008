import { createHash } from 'node:crypto'
import { rankStandings } from '@votestream/schema/event-record'
import type { EventNumber } from '@votestream/schema/numbers'
import { LRUCache } from 'lru-cache'
import type { Board } from '../board.js'
import type { CatalogEvent } from '../event-catalog.js'

/** A leaderboard as REST shows it. */
export interface LeaderboardBody {
  readonly version: number
  readonly json: string
  /** Strong: the same for the same bytes alone, whichever gateway wrote them. */
  readonly etag: string
}

/** Writes each board once, however many readers ask for it. */
export interface LeaderboardBodies {
  of(event: CatalogEvent, board: Board): LeaderboardBody
}

/** Bodies that are kept, and their characters together. */
const BODIES_MAX = 10_000
const CHARACTERS_MAX = 64 * 1024 * 1024

export const createLeaderboardBodies = (): LeaderboardBodies => {
  const latest = new LRUCache<EventNumber, { readonly board: Board; readonly body: LeaderboardBody }>({
    max: BODIES_MAX,
    maxSize: CHARACTERS_MAX,
    sizeCalculation: ({ body }) => body.json.length,
  })
  return {
    of(event, board) {
      const { number } = event.record
      const known = latest.get(number)
      if (known && isSame(known.board, board)) return known.body
      const body = write(event, board)
      latest.set(number, { board, body })
      return body
    },
  }
}

/** The version alone would not tell a log that was made anew. */
const isSame = (one: Board, other: Board): boolean =>
  one === other ||
  (one.version === other.version && one.totals.every((votes, index) => votes === other.totals[index]))

const write = (event: CatalogEvent, board: Board): LeaderboardBody => {
  const json = JSON.stringify({
    event_id: event.id,
    event_name: event.record.name,
    contestants: rankStandings(board.totals).map(({ index, totalVotes }) => ({
      contestant_id: event.contestantIds[index] ?? '',
      contestant_name: event.record.contestants[index]?.name ?? '',
      total_votes: totalVotes,
    })),
  })
  const digest = createHash('sha256').update(json).digest('base64url').slice(0, 12)
  return { version: board.version, json, etag: `"${board.version}-${digest}"` }
}
