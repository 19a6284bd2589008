import type { ObservedBoard } from '../load/observer.js'
import { openViewer } from '../load/viewer.js'

/** A live connection that follows an event's board, and comes back when it ends. */
export interface BoardWatch {
  /** Resolves with the first board. @throws Error when it is refused */
  readonly shown: Promise<void>
  close(): void
}

interface BoardWatchOptions {
  /** Of the gateway: `http://127.0.0.1:4000`. */
  readonly url: string
  readonly token: string
  readonly eventId: string
  readonly contestantIds: readonly string[]
  /** Votes by contestant, of every board that comes. */
  readonly onTotals: (totals: readonly number[]) => void
}

export const watchBoard = (options: BoardWatchOptions): BoardWatch => {
  const { url, token, eventId, contestantIds, onTotals } = options
  const places = new Map(contestantIds.map((id, index) => [id, index]))
  const observer = {
    see: ({ standings }: ObservedBoard) => {
      const totals = contestantIds.map(() => 0)
      for (const { contestant, totalVotes } of standings) {
        const place = places.get(contestant.id)
        if (place !== undefined) totals[place] = totalVotes
      }
      onTotals(totals)
    },
  }
  return openViewer(
    { url: `${url.replace(/^http/, 'ws')}/graphql`, eventId },
    token,
    () => undefined,
    observer,
  )
}
