import cluster, { type Worker } from 'node:cluster'
import { setTimeout as pause } from 'node:timers/promises'
import {
  familiesOf,
  lasting,
  type MetricFamily,
  type MetricSource,
  mergeFamilies,
} from '@votestream/infra/metrics/families'

/** What a worker is asked for, and its answer; among the other messages they are known by their shape. */
interface PageQuestion {
  readonly pageWanted: number
}
interface PageAnswer {
  readonly page: number
  readonly families: readonly MetricFamily[]
}

/** Of a worker, by the last question that it answered. */
interface Page {
  readonly question: number
  readonly families: readonly MetricFamily[]
}

/** The figures of several workers as those of one process. */
export interface WorkerPages extends MetricSource {
  /** A worker takes part from now on. */
  joined(worker: Worker): void
  /** It has ended: what it counted stays counted. */
  left(worker: Worker): void
}

/** Who has not answered by then is told of by what it counted before. */
const PATIENCE_MS = 1_000

/**
 * Sums must not fall because a worker ended or is too busy to answer: whoever reads them would take the fall for a restart,
 * and everything that is left for new.
 */
export const createWorkerPages = (): WorkerPages => {
  const pages = new Map<Worker, Page>()
  const waiting = new Map<Worker, () => void>()
  let ended: MetricFamily[] = []
  let questions = 0

  const ask = async (worker: Worker, question: number): Promise<void> => {
    if (!worker.isConnected()) return
    const answered = new Promise<void>((resolve) => waiting.set(worker, resolve))
    worker.send({ pageWanted: question } satisfies PageQuestion)
    await Promise.race([answered, pause(PATIENCE_MS, undefined, { ref: false })])
  }

  return {
    joined(worker) {
      pages.set(worker, { question: 0, families: [] })
      worker.on('message', ({ page, families }: Partial<PageAnswer>) => {
        if (page === undefined || families === undefined || !pages.has(worker)) return
        pages.set(worker, { question: page, families })
        waiting.get(worker)?.()
      })
    },
    left(worker) {
      ended = mergeFamilies([ended, lasting(pages.get(worker)?.families ?? [])])
      pages.delete(worker)
      waiting.get(worker)?.()
      waiting.delete(worker)
    },
    async getMetricsAsJSON() {
      questions += 1
      const question = questions
      await Promise.all([...pages.keys()].map((worker) => ask(worker, question)))
      const told = [...pages.values()].map((page) =>
        page.question >= question ? page.families : lasting(page.families),
      )
      return mergeFamilies([...told, ended])
    },
  }
}

/** A worker's part: it hands in its figures when it is asked. */
export const answerPages = (source: MetricSource): void => {
  if (!cluster.isWorker) return
  process.on('message', ({ pageWanted }: Partial<PageQuestion>) => {
    if (pageWanted === undefined) return
    familiesOf(source).then(
      (families) => process.send?.({ page: pageWanted, families } satisfies PageAnswer),
      // Who asked does not wait for ever.
      () => undefined,
    )
  })
}
