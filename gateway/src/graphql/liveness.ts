import type { WebSocket } from 'ws'

/** Finds out whose peer is gone without a word: nothing else would ever tell. */
export interface Liveness {
  /** Until it is closed. */
  watch(socket: WebSocket): void
  stop(): void
}

/** A round goes on in so many steps: pings to everybody at once would hold up whatever else is to be sent. */
const STEPS = 32

/** @param everyMs between two pings to the same peer: one that has not answered by then is gone */
export const createLiveness = ({ everyMs }: { readonly everyMs: number }): Liveness => {
  const steps = Array.from({ length: STEPS }, () => new Set<WebSocket>())
  const silent = new WeakSet<WebSocket>()
  let opened = 0
  let step = 0
  const timer = setInterval(() => {
    step = (step + 1) % STEPS
    for (const socket of steps[step] ?? []) {
      if (silent.has(socket)) socket.terminate()
      else {
        silent.add(socket)
        socket.ping()
      }
    }
  }, everyMs / STEPS).unref()
  return {
    watch(socket) {
      const own = steps[opened++ % STEPS]
      own?.add(socket)
      socket.on('pong', () => silent.delete(socket))
      socket.once('close', () => own?.delete(socket))
    },
    stop: () => clearInterval(timer),
  }
}
