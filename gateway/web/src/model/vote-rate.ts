/** Votes per second over the last few seconds, from totals as they come. */
export interface VoteRate {
  note(totalVotes: number, nowMs: number): void
  perSecond(nowMs: number): number
}

interface Sample {
  readonly atMs: number
  readonly totalVotes: number
}

const SPAN_MS = 5_000
/** Boards come at most every 50 ms, so this is more than the span can hold. */
const SAMPLES_MAX = 200

export const createVoteRate = (): VoteRate => {
  const samples: Sample[] = []
  const forget = (nowMs: number) => {
    // One sample from before the span stays: the rate is counted from it.
    while (samples.length > 1 && (samples[1]?.atMs ?? 0) <= nowMs - SPAN_MS) samples.shift()
  }
  return {
    note(totalVotes, nowMs) {
      const last = samples.at(-1)
      // A total that went back is another count: what was noted says nothing about it.
      if (last && totalVotes < last.totalVotes) samples.length = 0
      samples.push({ atMs: nowMs, totalVotes })
      if (samples.length > SAMPLES_MAX) samples.shift()
      forget(nowMs)
    },
    perSecond(nowMs) {
      forget(nowMs)
      const first = samples[0]
      const last = samples.at(-1)
      if (!first || !last) return 0
      const spanMs = Math.min(SPAN_MS, Math.max(1_000, nowMs - first.atMs))
      return ((last.totalVotes - first.totalVotes) * 1_000) / spanMs
    },
  }
}
