/** What a page measures; the names are those of the service. */
export const MEASURES = ['vote_to_seen', 'connect_to_first_board', 'lcp', 'inp', 'ttfb', 'fcp'] as const
export type Measure = (typeof MEASURES)[number]

/** No more than a kind: an error's words may hold what a person wrote. */
export const ERROR_KINDS = ['script', 'rejection'] as const
export type ErrorKind = (typeof ERROR_KINDS)[number]

/** What was measured and not sent yet. */
export interface Measures {
  add(measure: Measure, ms: number): void
  shift(layoutShift: number): void
  error(kind: ErrorKind): void
  /** The body of a beacon with all of it, which is then gone; undefined: there is nothing. */
  take(): string | undefined
}

/** What the service takes in one beacon; what comes beyond it before it was sent is left out. */
const SAMPLES_MAX = 40
const ERRORS_MAX = 100
/** Longer than anybody waits: such a page slept. */
const SECONDS_MAX = 600
const LAYOUT_SHIFT_MAX = 100

export const createMeasures = (): Measures => {
  let samples: { readonly measure: Measure; readonly seconds: number }[] = []
  let layoutShift: number | undefined
  let errors: Partial<Record<ErrorKind, number>> = {}
  return {
    add(measure, ms) {
      const seconds = Math.round(ms) / 1_000
      if (samples.length < SAMPLES_MAX && seconds >= 0 && seconds <= SECONDS_MAX) {
        samples.push({ measure, seconds })
      }
    },
    shift(value) {
      if (value >= 0) layoutShift = Math.min(LAYOUT_SHIFT_MAX, Math.round(value * 10_000) / 10_000)
    },
    error(kind) {
      errors[kind] = Math.min(ERRORS_MAX, (errors[kind] ?? 0) + 1)
    },
    take() {
      const beacon = {
        ...(samples.length > 0 ? { samples } : {}),
        ...(layoutShift === undefined ? {} : { layout_shift: layoutShift }),
        ...(Object.keys(errors).length > 0 ? { errors } : {}),
      }
      samples = []
      layoutShift = undefined
      errors = {}
      return Object.keys(beacon).length > 0 ? JSON.stringify(beacon) : undefined
    },
  }
}
