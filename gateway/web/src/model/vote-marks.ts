/** Steps of a vote, as far as they are looked at here. */
type VoteStep =
  | 'none'
  | 'sending'
  | 'unreached'
  | 'acknowledged'
  | 'counted'
  | 'rejected'
  | 'already'
  | 'refused'

interface VoteNews {
  readonly step: VoteStep
  readonly contestantId?: string
}

interface BoardNews {
  readonly standings: readonly {
    readonly totalVotes: number
    readonly contestant: { readonly id: string }
  }[]
}

/** How long it takes from the click on a vote until the person sees it. */
export interface VoteMarks {
  vote(eventId: string, news: VoteNews): void
  board(eventId: string, board: BoardNews): void
}

interface Begun {
  readonly eventId: string
  readonly contestantId: string
  readonly atMs: number
  /** Of the contestant, on the last board before. */
  readonly totalBefore: number
  isCounted: boolean
  isOnBoard: boolean
}

/**
 * A board does not say whose votes are on it. A vote is taken for seen when the service has said that it is counted, and a
 * board has come on which its contestant has more votes than before the click: never too early, whoever else votes.
 * @param now of a clock that only goes forward, in milliseconds
 */
export const createVoteMarks = (onSeen: (ms: number) => void, now: () => number): VoteMarks => {
  let latest: { readonly eventId: string; readonly board: BoardNews } | undefined
  let begun: Begun | undefined

  const totalOf = (eventId: string, contestantId: string): number | undefined =>
    latest?.eventId === eventId
      ? latest.board.standings.find(({ contestant }) => contestant.id === contestantId)?.totalVotes
      : undefined

  const look = (): void => {
    if (!begun?.isCounted || !begun.isOnBoard) return
    onSeen(now() - begun.atMs)
    begun = undefined
  }

  return {
    vote(eventId, { step, contestantId }) {
      switch (step) {
        case 'sending': {
          // Another try of the same vote counts from the first one.
          if (contestantId === undefined || begun?.eventId === eventId) return
          const totalBefore = totalOf(eventId, contestantId)
          // Nobody has seen a board yet on which it could be missed.
          if (totalBefore === undefined) return
          begun = { eventId, contestantId, atMs: now(), totalBefore, isCounted: false, isOnBoard: false }
          return
        }
        case 'counted':
          if (begun?.eventId !== eventId) return
          begun.isCounted = true
          look()
          return
        case 'rejected':
        case 'already':
        case 'refused':
          if (begun?.eventId === eventId) begun = undefined
      }
    },
    board(eventId, board) {
      latest = { eventId, board }
      if (begun?.eventId !== eventId) return
      const total = totalOf(eventId, begun.contestantId) ?? 0
      if (total > begun.totalBefore) begun.isOnBoard = true
      look()
    },
  }
}
