export const WINDOW_MS = 10_000

export interface WindowCount {
  readonly startMs: number
  readonly votes: number
}

/** Totals per window of ten seconds: history from the service, the present from the boards as they come. */
export interface LiveTimeline {
  /** What the service says of the latest `count` windows, in any number of parts each. It replaces those. */
  load(history: readonly WindowCount[], totalVotes: number, nowMs: number, count: number): void
  /** A board's total: what it has more than the last one was voted in the present window. */
  note(totalVotes: number, nowMs: number): void
  /** The windows up to the present one, oldest first, empty ones included. */
  windows(nowMs: number, count: number): WindowCount[]
}

export const windowStart = (ms: number): number => Math.floor(ms / WINDOW_MS) * WINDOW_MS

/** Kept at most: twice what the chart shows. */
const WINDOWS_MAX = 120

export const createLiveTimeline = (): LiveTimeline => {
  const votes = new Map<number, number>()
  let knownTotal: number | undefined

  const add = (startMs: number, more: number) => {
    votes.set(startMs, (votes.get(startMs) ?? 0) + more)
    for (const oldest of votes.keys()) {
      if (votes.size <= WINDOWS_MAX) break
      votes.delete(oldest)
    }
  }

  return {
    load(history, totalVotes, nowMs, count) {
      const parts = [...history].sort((a, b) => a.startMs - b.startMs)
      // The service's clock may be in another window than ours.
      const fromMs = Math.min(windowStart(nowMs) - (count - 1) * WINDOW_MS, parts[0]?.startMs ?? nowMs)
      for (const startMs of [...votes.keys()]) if (startMs >= fromMs) votes.delete(startMs)
      for (const part of parts) add(part.startMs, part.votes)
      // Boards that came while the history was on its way are in neither; the next load has them.
      const more = knownTotal === undefined ? 0 : knownTotal - totalVotes
      if (more > 0) add(windowStart(nowMs), more)
      knownTotal = Math.max(knownTotal ?? 0, totalVotes)
    },
    note(totalVotes, nowMs) {
      if (knownTotal !== undefined && totalVotes > knownTotal)
        add(windowStart(nowMs), totalVotes - knownTotal)
      knownTotal = totalVotes
    },
    windows(nowMs, count) {
      const last = windowStart(nowMs)
      return Array.from({ length: count }, (_, index) => {
        const startMs = last - (count - 1 - index) * WINDOW_MS
        return { startMs, votes: votes.get(startMs) ?? 0 }
      })
    },
  }
}
