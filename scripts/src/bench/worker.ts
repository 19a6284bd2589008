import { startChild } from './child.js'

/** A program of the bench that answers each order before it takes the next one. */
export interface Worker<Order, Answer> {
  readonly pid: number
  /** @throws Error when the order could not be followed, or when the process ends. */
  ask(order: Order): Promise<Answer>
  stop(): Promise<void>
}

/** @param file a program that calls `follow`, with the same order and answer. */
export const startWorker = <Order, Answer>(file: URL): Worker<Order, Answer> => {
  const child = startChild(file)
  return {
    pid: child.pid,
    async ask(order) {
      child.send(order)
      const { answer, error } = await child.next<{ answer: Answer; error?: string }>()
      if (error !== undefined) throw new Error(error)
      return answer
    },
    stop: child.stop,
  }
}

/** The worker's side: orders are followed, until nobody is there any more to give one. */
export const followOrders = <Order, Answer>(follow: (order: Order) => Promise<Answer>): void => {
  process.on('message', (order: Order) => {
    follow(order).then(
      (answer) => process.send?.({ answer }),
      (error: Error) => process.send?.({ error: error.stack ?? String(error) }),
    )
  })
  process.on('disconnect', () => process.exit(0))
}
