import { startChild } from './child.js'
import type { Order } from './readers-process.js'

/** Viewers in a process of their own. */
export interface Readers {
  readonly pid: number
  ask<Answer = unknown>(order: Order): Promise<Answer>
  stop(): Promise<void>
}

export const startReaders = (): Readers => {
  const child = startChild(new URL('./readers-process.js', import.meta.url))
  return {
    pid: child.pid,
    async ask<Answer>(order: Order) {
      child.send(order)
      const { answer, error } = await child.next<{ answer: Answer; error?: string }>()
      if (error !== undefined) throw new Error(error)
      return answer
    },
    stop: child.stop,
  }
}
