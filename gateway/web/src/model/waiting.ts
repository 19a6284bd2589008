/** How long to wait before a try: doubling up to a limit, half of it by chance so that a crowd spreads out. */
export const backoffMs = (tries: number, firstMs: number, mostMs: number, chance = Math.random): number => {
  const fullMs = Math.min(mostMs, firstMs * 2 ** Math.min(tries, 20))
  return fullMs / 2 + (fullMs / 2) * chance()
}

/** Resolves early when the signal is aborted. */
export const pause = (ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    signal?.addEventListener('abort', end)
    if (signal?.aborted) end()
  })
