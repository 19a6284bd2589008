import { BOARD_CHANGED, type Board } from '../api/documents.js'
import type { Graph } from '../api/graph.js'
import type { Failure } from '../model/failure-words.js'
import { backoffMs } from '../model/waiting.js'

interface BoardFeedOptions {
  readonly graph: Graph
  readonly eventId: string
  readonly onBoard: (board: Board) => void
  /** Why there are no boards at the moment; undefined when there are again. */
  readonly onFailure: (failure: Failure | undefined) => void
}

/** The boards of an event as they come, until ended. A version that is older than the last one is left out. */
export const followBoard = ({ graph, eventId, onBoard, onFailure }: BoardFeedOptions): (() => void) => {
  let ended = false
  let tries = 0
  let latest = -1
  let leave = () => {}
  let timer: ReturnType<typeof setTimeout> | undefined

  const follow = () => {
    leave = graph.follow(
      BOARD_CHANGED,
      { eventId },
      {
        as: 'viewer',
        next({ leaderboardChanged: board }) {
          tries = 0
          onFailure(undefined)
          if (board.version < latest) return
          latest = board.version
          graph.writeBoard(board)
          onBoard(board)
        },
        failed(failure) {
          if (ended) return
          onFailure(failure)
          clearTimeout(timer)
          timer = setTimeout(follow, backoffMs(tries, 1_000, 10_000))
          tries += 1
        },
      },
    )
  }
  follow()
  return () => {
    ended = true
    clearTimeout(timer)
    leave()
  }
}
