/** So many lines of one kind are written in a second; the rest are counted, and the count is told when it is over. */
export interface FloodGate {
  /** @param kind the line's words: a sentence is written at one place. */
  passes(kind: string): boolean
}

interface FloodGateOptions {
  readonly linesPerSecondMax: number
  /** Of each kind of which more came, once the second is over. */
  readonly onSuppressed: (kind: string, suppressed: number) => void
  /** Runs something after a time, in milliseconds. */
  readonly later?: (work: () => void, ms: number) => void
}

const WINDOW_MS = 1_000
/** Sentences are few; what is beyond so many in a second shares one place, so that words which differ make no flood. */
const KINDS_MAX = 200
const OTHERS = 'others'

/** Whatever goes wrong a thousand times a second is told of, and does not fill the disk. */
export const createFloodGate = ({
  linesPerSecondMax,
  onSuppressed,
  later = (work, ms) => void setTimeout(work, ms).unref(),
}: FloodGateOptions): FloodGate => {
  /** Of the second that runs. */
  const seen = new Map<string, number>()

  const end = (): void => {
    const counts = [...seen]
    seen.clear()
    for (const [kind, count] of counts) {
      if (count > linesPerSecondMax) onSuppressed(kind, count - linesPerSecondMax)
    }
  }

  return {
    passes(kind) {
      if (seen.size === 0) later(end, WINDOW_MS)
      const place = seen.has(kind) || seen.size < KINDS_MAX ? kind : OTHERS
      const count = (seen.get(place) ?? 0) + 1
      seen.set(place, count)
      return count <= linesPerSecondMax
    },
  }
}
