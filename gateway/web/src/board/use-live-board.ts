import { useEffect, useRef, useState } from 'preact/hooks'
import { TIMELINE } from '../api/documents.js'
import type { Failure } from '../model/failure-words.js'
import { createLiveTimeline, type LiveTimeline } from '../model/live-timeline.js'
import { createVoteRate, type VoteRate } from '../model/vote-rate.js'
import { useServices } from '../services.js'
import { followBoard } from './board-feed.js'

/** Windows that the chart shows: the last six minutes. */
export const WINDOWS_SHOWN = 36
/** The latest windows are read again now and then, which settles what fell between two of them. */
const SETTLE_EVERY_MS = 60_000
const WINDOWS_SETTLED = 10

interface LiveBoard {
  readonly rate: VoteRate
  readonly timeline: LiveTimeline
  /** When the total last rose while this page looked on. */
  readonly lastVoteMs: number | undefined
  readonly failure: Failure | undefined
}

/** Follows an event's board: into the cache, the rate and the timeline. */
export const useLiveBoard = (eventId: string): LiveBoard => {
  const { graph, now, rum, viewerSocket } = useServices()
  const measures = useRef<Pick<LiveBoard, 'rate' | 'timeline'>>(undefined)
  measures.current ??= { rate: createVoteRate(), timeline: createLiveTimeline() }
  const { rate, timeline } = measures.current
  const [lastVoteMs, setLastVoteMs] = useState<number>()
  const [failure, setFailure] = useState<Failure>()

  useEffect(() => {
    let total: number | undefined
    const begunAtMs = performance.now()
    return followBoard({
      graph,
      eventId,
      onFailure: setFailure,
      onBoard(board) {
        const { totalVotes } = board
        // A page that nobody looks at is made to wait by the browser.
        const isFirst = total === undefined && document.visibilityState === 'visible'
        if (isFirst) rum.add('connect_to_first_board', performance.now() - begunAtMs)
        rum.votes.board(eventId, board)
        rate.note(totalVotes, Date.now())
        timeline.note(totalVotes, now())
        if (total !== undefined && totalVotes > total) setLastVoteMs(Date.now())
        total = totalVotes
      },
    })
  }, [graph, eventId, now, rate, rum, timeline])

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    let left = false
    const read = async (last: number): Promise<void> => {
      clearTimeout(timer)
      const answer = await graph.ask(TIMELINE, { id: eventId, last })
      if (left) return
      if (answer.kind === 'data' && answer.data.event) {
        const { leaderboard, timeline: history } = answer.data.event
        const windows = history.map(({ start, votes }) => ({ startMs: Date.parse(start), votes }))
        timeline.load(windows, leaderboard.totalVotes, now(), last)
      }
      const next = answer.kind === 'data' ? WINDOWS_SETTLED : WINDOWS_SHOWN
      clearTimeout(timer)
      timer = setTimeout(() => void read(next), SETTLE_EVERY_MS * (0.75 + Math.random() / 4))
    }
    void read(WINDOWS_SHOWN)
    const unwatch = viewerSocket.phase.watch((phase) => {
      // What happened while nobody told us.
      if (phase === 'live') void read(WINDOWS_SHOWN)
    })
    return () => {
      left = true
      clearTimeout(timer)
      unwatch()
    }
  }, [graph, eventId, now, timeline, viewerSocket])

  return { rate, timeline, lastVoteMs, failure }
}
