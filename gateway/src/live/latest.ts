/** An asynchronous sequence of which only the latest value waits: a slow reader skips, and nothing queues. */
export interface Latest<Value> extends AsyncIterableIterator<Value> {
  push(value: Value): void
  /** Ends the sequence, with an error if there is one, after the value that waits. */
  end(error?: unknown): void
}

/**
 * @param onReturn called once, when the reader leaves or the sequence ends.
 * @param replace what is kept of a value that nobody took and of the one that comes after it
 */
export const createLatest = <Value>(
  onReturn: () => void,
  replace: (earlier: Value, later: Value) => Value = (_, later) => later,
): Latest<Value> => {
  let waiting: { readonly value: Value } | undefined
  let ended: { readonly error?: unknown } | undefined
  let reader: { resolve(result: IteratorResult<Value>): void; reject(error: unknown): void } | undefined

  const finish = (end: { readonly error?: unknown }): void => {
    if (ended) return
    ended = end
    onReturn()
  }

  const serve = (): void => {
    if (!reader) return
    const { resolve, reject } = reader
    if (waiting) {
      const { value } = waiting
      waiting = undefined
      reader = undefined
      resolve({ value, done: false })
    } else if (ended) {
      reader = undefined
      if (ended.error === undefined) resolve({ value: undefined, done: true })
      else reject(ended.error)
      // An error is told once.
      ended = {}
    }
  }

  return {
    push(value) {
      if (ended) return
      waiting = { value: waiting ? replace(waiting.value, value) : value }
      serve()
    },
    end(error) {
      finish(error === undefined ? {} : { error })
      serve()
    },
    next: () =>
      new Promise((resolve, reject) => {
        reader = { resolve, reject }
        serve()
      }),
    async return() {
      waiting = undefined
      finish({})
      serve()
      return { value: undefined, done: true }
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}
