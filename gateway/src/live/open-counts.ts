/** How many live connections somebody has open, sockets and streams of events alike. */
export interface OpenCounts {
  /** Undefined where there is no room for one more; otherwise how to give the place back, once. */
  enter(key: string): (() => void) | undefined
  /** Of everybody. */
  readonly open: number
}

/** Holds only keys that have something open. @param max of one key at once */
export const createOpenCounts = (max: number): OpenCounts => {
  const counts = new Map<string, number>()
  let open = 0
  const leave = (key: string): void => {
    open -= 1
    const count = counts.get(key) ?? 0
    if (count > 1) counts.set(key, count - 1)
    else counts.delete(key)
  }
  return {
    enter(key) {
      const count = counts.get(key) ?? 0
      if (count >= max) return undefined
      counts.set(key, count + 1)
      open += 1
      let left = false
      return () => {
        if (!left) leave(key)
        left = true
      }
    },
    get open() {
      return open
    },
  }
}

/** The live connections of one process. */
export interface LiveConnections {
  readonly users: OpenCounts
  readonly addresses: OpenCounts
}
