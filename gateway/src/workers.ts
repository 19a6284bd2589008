import cluster, { type Worker } from 'node:cluster'
import { setTimeout as pause } from 'node:timers/promises'
import type { Diagnostics } from '@votestream/infra/diagnostics/diagnostics'
import { diagnosticRoutes } from '@votestream/infra/diagnostics/routes'
import { startHealthServer } from '@votestream/infra/health-server'
import type { Lifecycle } from '@votestream/infra/lifecycle'
import type { Logger } from '@votestream/infra/logging'
import type { MetricSource } from '@votestream/infra/metrics/families'
import type { GatewayEnvironment } from './environment.js'
import { answerPrimary, createWorkersDiagnostics } from './worker-diagnostics.js'
import { answerPages, createWorkerPages } from './worker-pages.js'

/** Whether this process only looks after others, which do the work behind the one port. */
export const isPrimary = (workers: number): boolean => workers > 1 && cluster.isPrimary

interface Report {
  readonly missing: string[]
}

interface WorkersOptions {
  readonly environment: Pick<
    GatewayEnvironment,
    'GATEWAY_WORKERS' | 'GATEWAY_METRICS_PORT' | 'METRICS_HOST' | 'DIAGNOSTICS_TOKEN'
  >
  readonly logger: Logger
  readonly onStop: Lifecycle['onStop']
}

const REPORT_EVERY_MS = 250
/** Pause before a worker that died is replaced: one that cannot live must not keep the machine busy. */
const REPLACE_AFTER_MS = 500

/**
 * Several gateways behind one port: connections are handed to them in turn, and what they measure is one page.
 * A worker that dies takes its own requests with it and is replaced; one whose primary dies ends by itself.
 */
export const runWorkers = async ({ environment, logger, onStop }: WorkersOptions): Promise<void> => {
  const { GATEWAY_WORKERS: count, DIAGNOSTICS_TOKEN: token } = environment
  const reports = new Map<Worker, Report>()
  const pages = createWorkerPages()
  let stopping = false

  const fork = (): void => {
    const worker = cluster.fork()
    reports.set(worker, { missing: ['starting'] })
    pages.joined(worker)
    // Among the other messages, a report is known by its shape.
    worker.on('message', (message: Partial<Report>) => {
      if (Array.isArray(message.missing)) reports.set(worker, { missing: message.missing })
    })
    worker.on('exit', async (code, signal) => {
      reports.delete(worker)
      pages.left(worker)
      if (stopping) return
      logger.error({ pid: worker.process.pid, code, signal }, 'a worker died; another one takes its place')
      await pause(REPLACE_AFTER_MS)
      if (!stopping) fork()
    })
  }

  const diagnostics = createWorkersDiagnostics({ logger, workers: () => [...reports.keys()] })
  const health = await startHealthServer({
    port: environment.GATEWAY_METRICS_PORT,
    host: environment.METRICS_HOST,
    registry: pages,
    missing: () => [
      ...(reports.size === count ? [] : [`${count - reports.size} workers`]),
      ...new Set([...reports.values()].flatMap(({ missing }) => missing)),
    ],
    routes: diagnosticRoutes({ token, diagnostics }),
  })
  onStop('health server', health.stop)
  for (let number = 0; number < count; number += 1) fork()
  onStop('workers', async () => {
    stopping = true
    await Promise.all(
      [...reports.keys()].map(
        (worker) =>
          new Promise((resolve) => {
            worker.once('exit', resolve)
            worker.process.kill('SIGTERM')
          }),
      ),
    )
  })
}

interface WorkerReports {
  readonly registry: MetricSource
  readonly missing: () => string[]
  readonly diagnostics: Diagnostics
}

/** A worker's part: it hands in its figures, says what it lacks, and lets itself be looked at. */
export const reportToPrimary = (
  { registry, missing, diagnostics }: WorkerReports,
  { onStop }: Lifecycle,
): void => {
  answerPrimary(diagnostics)
  answerPages(registry)
  const timer = setInterval(() => process.send?.({ missing: missing() } satisfies Report), REPORT_EVERY_MS)
  onStop('reports', () => clearInterval(timer))
}
