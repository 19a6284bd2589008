import { type Board, createParts, type Part, type Parts } from '@votestream/gateway/board'
import { allShards, type EventNumber } from '@votestream/schema/numbers'
import { GENERATION } from './broker.js'
import { violated } from './violation.js'
import { CONTESTANTS, EVENTS, type World } from './world.js'

/** Somebody who watches every board. */
export interface Viewer {
  take(event: EventNumber, part: Part): void
  /** Reads every part out of the view, as whoever missed one does. */
  read(): void
  board(event: EventNumber): Board | undefined
}

export const createViewer = (world: World): Viewer => {
  const seen = new Map<EventNumber, { readonly parts: Parts; last: Board | undefined }>()
  const count = world.shards.length
  for (const event of EVENTS) {
    const parts =
      world.planted === 'takes a part with a lower sequence' ? latestParts(count) : createParts(count)
    seen.set(event, { parts, last: undefined })
  }

  const take = (event: EventNumber, part: Part): void => {
    const watched = seen.get(event)
    if (!watched?.parts.take(part)) return
    const board = watched.parts.board(CONTESTANTS)
    if (!board) return
    const { last } = watched
    if (last && board.version < last.version) violated(`the board of event ${event} goes back`)
    const counted = world.shards[part.shard]?.broker.totalsAt(event, part.sequence) ?? []
    for (let index = 0; index < CONTESTANTS; index += 1) {
      if ((part.totals[index] ?? 0) === (counted[index] ?? 0)) continue
      violated(`the board of event ${event} shows what no moment of the log says`)
    }
    watched.last = board
  }

  return {
    take,
    read() {
      for (const shard of allShards(count)) {
        const view = world.shards[shard]?.view
        const checkpoint = view?.checkpoint()
        if (!view || !checkpoint || checkpoint.sequence < checkpoint.wholeAt) continue
        for (const event of EVENTS) {
          const { totals = [], sequence = 0, ackedAtMs = 0 } = view.tallies.get(event) ?? {}
          take(event, { shard, generation: GENERATION, sequence, totals, ackedAtMs })
        }
      }
    },
    board: (event) => seen.get(event)?.last,
  }
}

/** What came last is taken for the latest: the planted bug. */
const latestParts = (shards: number): Parts => {
  let parts = createParts(shards)
  const all = new Map<number, Part>()
  return {
    take(part) {
      all.set(part.shard, part)
      parts = createParts(shards)
      for (const known of all.values()) parts.take(known)
      return true
    },
    board: (contestants) => parts.board(contestants),
  }
}
