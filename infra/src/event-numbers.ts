import type { EventNumber } from '@votestream/schema/numbers'

/** The numbers of all events, in order: eight bytes for each. */
export interface EventNumbers {
  add(event: EventNumber): void
  /** The highest first, below `before` if it is given. */
  newest(count: number, before?: EventNumber): EventNumber[]
}

export const createEventNumbers = (): EventNumbers => {
  let ordered: EventNumber[] = []
  // Numbers mostly come in order. Those that do not are put in their place together, when somebody looks.
  const late = new Set<EventNumber>()

  /** How many of the ordered numbers are lower than this one. */
  const countBelow = (event: number): number => {
    let low = 0
    let high = ordered.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((ordered[middle] ?? 0) < event) low = middle + 1
      else high = middle
    }
    return low
  }

  const settle = (): void => {
    if (late.size === 0) return
    ordered = [...ordered, ...late].sort((a, b) => a - b)
    late.clear()
  }

  return {
    add(event) {
      if (event > (ordered.at(-1) ?? 0)) ordered.push(event)
      else if (ordered[countBelow(event)] !== event) late.add(event)
    },
    newest(count, before) {
      settle()
      const end = before === undefined ? ordered.length : countBelow(before)
      return ordered.slice(Math.max(0, end - count), end).reverse()
    },
  }
}
