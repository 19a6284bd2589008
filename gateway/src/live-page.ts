import type { Lifecycle } from '@votestream/infra/lifecycle'
import type { FastifyPluginAsync } from 'fastify'
import type { Registry } from 'prom-client'
import type { CrossOrigin } from './cross-origin.js'
import type { GatewayEnvironment } from './environment.js'
import { pageRoutes } from './page.js'
import { createRumExport } from './rum/rum-export.js'
import { createRumMetrics } from './rum/rum-metrics.js'
import { rumRoutes } from './rum/rum-routes.js'
import { otlpMetricsUrl } from './rum/rum-variables.js'
import type { Tokens } from './tokens.js'
import { createViewerTokens } from './viewer-tokens.js'

interface LivePageDeps {
  readonly tokens: Pick<Tokens, 'issue'>
  readonly registry: Registry
  readonly crossOrigin: CrossOrigin
  readonly onStop: Lifecycle['onStop']
}

/** The page with its visitors' tokens, and, where pages measure, the route that takes what they measured. */
export const openLivePage = (environment: GatewayEnvironment, deps: LivePageDeps): FastifyPluginAsync[] => {
  const { tokens, registry, crossOrigin, onStop } = deps
  const { RUM_RATIO: rumRatio, RUM_OTLP: exports, OTEL_METRIC_EXPORT_INTERVAL: everyMs } = environment
  const page = pageRoutes({ viewerTokens: createViewerTokens({ tokens }), rumRatio })
  if (rumRatio === 0) return [page]
  const metrics = createRumMetrics(registry)
  const url = otlpMetricsUrl(environment)
  if (!exports || url === undefined) return [page, rumRoutes({ metrics, crossOrigin })]
  const exported = createRumExport({ url, everyMs })
  onStop('measures of pages', exported.stop)
  return [page, rumRoutes({ metrics, crossOrigin, sinks: [exported] })]
}
