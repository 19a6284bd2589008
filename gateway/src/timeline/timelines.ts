import type { ContestantIndex } from '@votestream/schema/numbers'
import type { Caller } from '../caller.js'
import { type Deadline, requireTime } from '../deadlines.js'
import type { CatalogEvent } from '../event-catalog.js'
import { authorize } from '../policy.js'
import type { ArchivedWindows } from './archived-windows.js'
import type { RecentWindows } from './recent-windows.js'
import { floorTo, planTimeline, type TimelineRequest } from './timeline-plan.js'

/** Votes of one contestant in one window, or in a part of it. */
export interface WindowVotes {
  /** Of the window, milliseconds since 1970. */
  readonly startMs: number
  readonly contestant: ContestantIndex
  readonly votes: number
}

/** How votes came in over time. */
export interface Timelines {
  /**
   * By start, then in the event's own order; windows and contestants without votes are left out.
   * @throws VotestreamError WRONG_SCOPE, INVALID_FIELDS, RESULTS_UNAVAILABLE, TIMEOUT
   */
  read(
    caller: Caller,
    event: CatalogEvent,
    request: TimelineRequest,
    deadline?: Deadline,
  ): Promise<WindowVotes[]>
}

interface TimelinesOptions {
  readonly recent: RecentWindows
  readonly archived: ArchivedWindows
  readonly now?: () => number
}

export const createTimelines = ({ recent, archived, now = Date.now }: TimelinesOptions): Timelines => ({
  async read(caller, { record: { number, contestants } }, request, deadline) {
    authorize('timeline', caller)
    const plan = planTimeline(request, contestants.length, now())
    const { windowMs, startMs, endMs, cutMs } = plan
    // Redis is asked first: what was counted in it by then the archive is asked to have, as far as it is old.
    const { votes, positions } = await recent.read(number, Math.max(startMs, cutMs), endMs)
    requireTime(deadline)
    const range = { event: number, windowMs, startMs, endMs: Math.min(endMs, cutMs), cutMs, positions }
    const older = startMs < cutMs ? await archived.read(range, deadline) : []
    return addUp([...older, ...votes], windowMs)
  },
})

/** Adds up what lies in the same window. */
const addUp = (parts: readonly WindowVotes[], windowMs: number): WindowVotes[] => {
  const windows = new Map<number, Map<ContestantIndex, number>>()
  for (const { startMs, contestant, votes } of parts) {
    const start = floorTo(startMs, windowMs)
    const totals = windows.get(start) ?? new Map<ContestantIndex, number>()
    windows.set(start, totals)
    totals.set(contestant, (totals.get(contestant) ?? 0) + votes)
  }
  return [...windows]
    .sort(([a], [b]) => a - b)
    .flatMap(([startMs, totals]) =>
      [...totals].sort(([a], [b]) => a - b).map(([contestant, votes]) => ({ startMs, contestant, votes })),
    )
}
