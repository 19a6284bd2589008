import { wholeVariable } from '@votestream/infra/environment'
import type { TelemetryEnvironment } from '@votestream/infra/telemetry/variables'
import { z } from 'zod'

/** Whether pages measure, and where it goes beside `/metrics`. */
export const rumVariables = {
  /** The share of page loads that measure; 0: none does, and nothing is taken. */
  RUM_RATIO: z.coerce.number().min(0).max(1).default(1),
  /** Whether what pages measure is exported over OTLP, too. */
  RUM_OTLP: z.stringbool('must be true or false').default(false),
  /** As OpenTelemetry has them; what its exporter alone needs to know, it reads by itself. */
  OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: z.url().optional(),
  OTEL_METRIC_EXPORT_INTERVAL: wholeVariable(60_000, 100, 3_600_000),
}

type RumVariables = z.infer<z.ZodObject<typeof rumVariables>> &
  Pick<TelemetryEnvironment, 'OTEL_EXPORTER_OTLP_ENDPOINT' | 'OTEL_SDK_DISABLED'>

/** Where metrics are sent: one address as it is, or the common one and a path. Undefined: nowhere. */
export const otlpMetricsUrl = (variables: RumVariables): string | undefined => {
  const { OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: own, OTEL_EXPORTER_OTLP_ENDPOINT: common } = variables
  if (variables.OTEL_SDK_DISABLED) return undefined
  return own ?? (common === undefined ? undefined : `${common.replace(/\/$/, '')}/v1/metrics`)
}

/** What is wrong with variables that are each right. */
export const rumFaults = (variables: RumVariables): string[] => {
  const { RUM_OTLP: isAsked, OTEL_SDK_DISABLED: isDisabled } = variables
  if (!isAsked || isDisabled || otlpMetricsUrl(variables) !== undefined) return []
  return ['RUM_OTLP: needs OTEL_EXPORTER_OTLP_ENDPOINT, or OTEL_EXPORTER_OTLP_METRICS_ENDPOINT']
}
