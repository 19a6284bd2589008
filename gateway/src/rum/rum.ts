import type { Lifecycle } from '@votestream/infra/lifecycle'
import type { FastifyPluginAsync } from 'fastify'
import type { Registry } from 'prom-client'
import type { CrossOrigin } from '../cross-origin.js'
import type { GatewayEnvironment } from '../environment.js'
import { createRumExport } from './rum-export.js'
import { createRumMetrics } from './rum-metrics.js'
import { rumRoutes } from './rum-routes.js'
import { otlpMetricsUrl } from './rum-variables.js'

interface RumDeps {
  readonly registry: Registry
  readonly crossOrigin: CrossOrigin
  readonly onStop: Lifecycle['onStop']
}

/** The routes that take what pages measured; none where no page measures. */
export const openRum = (environment: GatewayEnvironment, deps: RumDeps): FastifyPluginAsync[] => {
  const { registry, crossOrigin, onStop } = deps
  if (environment.RUM_RATIO === 0) return []
  const metrics = createRumMetrics(registry)
  const url = otlpMetricsUrl(environment)
  if (!environment.RUM_OTLP || url === undefined) return [rumRoutes({ metrics, crossOrigin })]
  const exported = createRumExport({ url, everyMs: environment.OTEL_METRIC_EXPORT_INTERVAL })
  onStop('measures of pages', exported.stop)
  return [rumRoutes({ metrics, crossOrigin, sinks: [exported] })]
}
