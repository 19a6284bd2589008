import type { Sent } from './pool.js'
import type { Outcome, Samples } from './protocol.js'

/** What requests became of, gathered in columns until they are taken: nothing is allocated for a request. */
export interface SampleColumns {
  /** @param doneMs after the start, milliseconds */
  add(request: number, series: number, sent: Sent, doneMs: number, outcome: Outcome): void
  /** All since the last time; null when there are none. The columns are valid until the next `add`. */
  take(): Samples | null
}

/** Further codes stand together: a server that invents one for each answer must not fill the memory. */
const OUTCOMES_MAX = 200
const OTHER: Outcome = { is: 'refused', code: 'others' }
const MICROS_MAX = 2 ** 32 - 1

export const createSampleColumns = (): SampleColumns => {
  let columns = allocate(4_096)
  let count = 0
  const outcomes: Outcome[] = []

  const numberOf = (outcome: Outcome): number => {
    const known = outcomes.findIndex(({ is, code }) => code === outcome.code && is === outcome.is)
    if (known !== -1) return known
    if (outcomes.length >= OUTCOMES_MAX && outcome !== OTHER) return numberOf(OTHER)
    return outcomes.push(outcome) - 1
  }

  return {
    add(request, series, { intendedMs, noticedMs, sentMs }, doneMs, outcome) {
      if (count === columns.request.length) columns = grown(columns)
      columns.request[count] = request
      columns.series[count] = series
      columns.intended[count] = intendedMs * 1_000
      columns.noticedAfter[count] = micros(noticedMs - intendedMs)
      columns.sentAfter[count] = micros(sentMs - intendedMs)
      columns.doneAfter[count] = micros(doneMs - intendedMs)
      columns.outcome[count] = numberOf(outcome)
      count += 1
    },
    take() {
      if (count === 0) return null
      const taken = count
      count = 0
      return {
        count: taken,
        request: columns.request.subarray(0, taken),
        series: columns.series.subarray(0, taken),
        intended: columns.intended.subarray(0, taken),
        noticedAfter: columns.noticedAfter.subarray(0, taken),
        sentAfter: columns.sentAfter.subarray(0, taken),
        doneAfter: columns.doneAfter.subarray(0, taken),
        outcome: columns.outcome.subarray(0, taken),
        outcomes: [...outcomes],
      }
    },
  }
}

const micros = (ms: number): number => Math.min(MICROS_MAX, Math.max(0, Math.round(ms * 1_000)))

const allocate = (length: number) => ({
  request: new Uint32Array(length),
  series: new Uint8Array(length),
  intended: new Float64Array(length),
  noticedAfter: new Uint32Array(length),
  sentAfter: new Uint32Array(length),
  doneAfter: new Uint32Array(length),
  outcome: new Uint8Array(length),
})

type Columns = ReturnType<typeof allocate>

const grown = (old: Columns): Columns => {
  const more = allocate(old.request.length * 2)
  more.request.set(old.request)
  more.series.set(old.series)
  more.intended.set(old.intended)
  more.noticedAfter.set(old.noticedAfter)
  more.sentAfter.set(old.sentAfter)
  more.doneAfter.set(old.doneAfter)
  more.outcome.set(old.outcome)
  return more
}
