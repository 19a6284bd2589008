import { useEffect, useState } from 'preact/hooks'

/** A value that can be watched. Who watches hears of every change after the moment they began. */
export interface Watched<Value> {
  get(): Value
  watch(onChange: (value: Value) => void): () => void
}

export interface Changeable<Value> extends Watched<Value> {
  set(value: Value): void
}

export const createValue = <Value>(initial: Value): Changeable<Value> => {
  let value = initial
  const watchers = new Set<(value: Value) => void>()
  return {
    get: () => value,
    set(next) {
      if (Object.is(next, value)) return
      value = next
      for (const watcher of [...watchers]) watcher(next)
    },
    watch(onChange) {
      watchers.add(onChange)
      return () => {
        watchers.delete(onChange)
      }
    },
  }
}

export const useWatched = <Value>(watched: Watched<Value>): Value => {
  const [, draw] = useState({})
  useEffect(() => {
    let seen = watched.get()
    const look = () => {
      if (Object.is(seen, watched.get())) return
      seen = watched.get()
      draw({})
    }
    // It may have changed between the drawing and this effect.
    draw({})
    return watched.watch(look)
  }, [watched])
  return watched.get()
}

/** The present, drawn anew at each interval. */
export const useNow = (intervalMs: number): number => {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), intervalMs)
    return () => clearInterval(timer)
  }, [intervalMs])
  return now
}
