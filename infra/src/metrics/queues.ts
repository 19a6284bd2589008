import { Counter, Gauge, type Registry } from 'prom-client'

/** Something in which work waits. */
export interface QueueFigures {
  /** How much waits; of several that are bounded alike, in the fullest. */
  depth(): number
  readonly bound: number
  /** How often the bound was met: what came was turned away, or had to wait outside. */
  refused(): number
}

export type Queues = Readonly<Record<string, QueueFigures>>

/** What waits in a process, and what the bounds of its queues did. */
export const watchQueues = (registry: Registry, queues: Queues): void => {
  const common = { registers: [registry], labelNames: ['queue'] as const }
  const all = Object.entries(queues)
  new Gauge({
    ...common,
    name: 'votestream_queue_depth',
    help: 'What waits in a queue; of several that are bounded alike, one for each shard, in the fullest',
    aggregator: 'max',
    collect() {
      for (const [queue, figures] of all) this.set({ queue }, figures.depth())
    },
  })
  new Gauge({
    ...common,
    name: 'votestream_queue_bound',
    help: 'What may wait in a queue at most',
    aggregator: 'max',
    collect() {
      for (const [queue, figures] of all) this.set({ queue }, figures.bound)
    },
  })
  new Counter({
    ...common,
    name: 'votestream_queue_refused_total',
    help: 'How often the bound of a queue was met: what came was turned away, or had to wait outside',
    collect() {
      this.reset()
      for (const [queue, figures] of all) this.inc({ queue }, figures.refused())
    },
  })
}
