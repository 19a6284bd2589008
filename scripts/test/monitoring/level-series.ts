/** A stretch of time in which every level's traffic is so bad. */
export interface Stretch {
  readonly minutes: number
  /** Times what its budget allows. */
  readonly burn: number
}

/** The share of each level that may be bad, from 0 to 1. */
export const BUDGETS: Readonly<Record<string, number>> = {
  ingest: 0.01,
  processing: 0.01,
  'fan-out': 0.01,
  'end-to-end-p95': 0.05,
  'end-to-end-p99': 0.01,
  availability: 0.001,
}

export interface PromtoolSeries {
  readonly series: string
  readonly values: string
}

/** So many events in each step: the shares of all budgets and factors make whole ones of them. */
const EVENTS = 100_000
export const STEP_SECONDS = 30

/** A counter that grows by a part of the events, another part in each stretch. */
const counter = (stretches: readonly Stretch[], share: (burn: number) => number): string => {
  let value = 0
  return stretches
    .map(({ minutes, burn }) => {
      const steps = (minutes * 60) / STEP_SECONDS
      const growth = Math.round(EVENTS * share(burn))
      const text = `${value + growth}+${growth}x${steps - 1}`
      value += growth * steps
      return text
    })
    .join(' ')
}

const all = () => 1
const none = () => 0
const bad =
  (level: keyof typeof BUDGETS) =>
  (burn: number): number =>
    Math.min(1, burn * (BUDGETS[level] ?? 0))
const good =
  (level: keyof typeof BUDGETS) =>
  (burn: number): number =>
    1 - bad(level)(burn)

/**
 * What services would tell, as promtool reads it.
 * @param second how the bucket of a second is called: `1`, or `1.0` as in OpenMetrics
 */
export const levelSeries = (stretches: readonly Stretch[], second: '1' | '1.0'): PromtoolSeries[] => {
  const series = (name: string, share: (burn: number) => number): PromtoolSeries => ({
    series: name,
    values: counter(stretches, share),
  })
  const histogram = (name: string, labels: string, bounds: Readonly<Record<string, string>>) => [
    series(`${name}_count{${labels}}`, all),
    series(`${name}_bucket{${labels}, le="+Inf"}`, all),
    // What is not good takes up to ten seconds.
    series(`${name}_bucket{${labels}, le="10"}`, all),
    ...Object.entries(bounds).map(([le, level]) =>
      series(`${name}_bucket{${labels}, le="${le}"}`, good(level)),
    ),
  ]
  const votes = 'votestream_requests_total{operation="submitVote", api="rest"'
  return [
    ...histogram('votestream_ingest_seconds', 'api="rest"', { '0.05': 'ingest' }),
    ...histogram('votestream_processing_seconds', 'instance="p:1"', { '0.2': 'processing' }),
    ...histogram('votestream_fanout_seconds', 'viewer="last"', { '0.2': 'fan-out' }),
    // The first viewer is always in time: it is the last one that counts.
    ...histogram('votestream_fanout_seconds', 'viewer="first"', {}),
    series('votestream_fanout_seconds_bucket{viewer="first", le="0.2"}', all),
    ...histogram('votestream_end_to_end_seconds', 'from="acked_at"', {
      '0.5': 'end-to-end-p95',
      [second]: 'end-to-end-p99',
    }),
    // A client with a wrong clock wakes nobody.
    ...histogram('votestream_end_to_end_seconds', 'from="client"', {}),
    series('votestream_end_to_end_seconds_bucket{from="client", le="0.5"}', none),
    series(`${votes}, code="OK"}`, good('availability')),
    series(`${votes}, code="VOTES_UNAVAILABLE"}`, bad('availability')),
    // What clients do wrong, and what is no vote.
    series('votestream_requests_total{operation="leaderboard", api="rest", code="INTERNAL"}', all),
  ]
}
