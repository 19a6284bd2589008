/** How many sockets somebody has open. */
export interface SocketCounts {
  /** @returns whether there was room for one more; then it is given back with `leave`. */
  enter(key: string): boolean
  leave(key: string): void
}

/** Holds only keys that have something open. */
export const createSocketCounts = (max: number): SocketCounts => {
  const open = new Map<string, number>()
  return {
    enter(key) {
      const count = open.get(key) ?? 0
      if (count >= max) return false
      open.set(key, count + 1)
      return true
    },
    leave(key) {
      const count = open.get(key) ?? 0
      if (count > 1) open.set(key, count - 1)
      else open.delete(key)
    },
  }
}
