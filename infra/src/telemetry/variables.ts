import { z } from 'zod'
import { SAMPLERS } from './sampling.js'

/** As OTEL_PROPAGATORS names them. Baggage is nobody's business here, and is left where it is. */
export const PROPAGATORS = ['tracecontext', 'baggage', 'xray', 'none'] as const
export type PropagatorName = (typeof PROPAGATORS)[number]

const MAX_QUEUE_SIZE = 2_048
const MAX_EXPORT_BATCH_SIZE = 512

const whole = (fallback: number, min: number, max: number) =>
  z.coerce.number().int().min(min).max(max).default(fallback)

const httpUrl = () => z.url({ protocol: /^https?$/, error: 'must be an address with http or https' })

const propagatorsVariable = z
  .string()
  .default('tracecontext,baggage')
  .transform((text, context): PropagatorName[] => {
    const names = listOf(text)
    const known = names.filter((name): name is PropagatorName => PROPAGATORS.some((each) => each === name))
    if (known.length === names.length) return known
    context.addIssue({ code: 'custom', message: `may name ${PROPAGATORS.join(', ')}` })
    return z.NEVER
  })

/** `key=value` apart by commas, percent-encoded, as W3C baggage has it. */
const attributesVariable = z
  .string()
  .default('')
  .transform((text, context): Record<string, string> => {
    try {
      return Object.fromEntries(listOf(text).map(attributeOf))
    } catch {
      context.addIssue({ code: 'custom', message: 'must be key=value, apart by commas, percent-encoded' })
      return z.NEVER
    }
  })

const attributeOf = (pair: string): [key: string, value: string] => {
  const [key = '', value, ...more] = pair.split('=').map((part) => part.trim())
  if (key === '' || value === undefined || more.length > 0) throw new URIError(pair)
  return [decodeURIComponent(key), decodeURIComponent(value)]
}

const listOf = (text: string): string[] =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')

/**
 * The usual variables of OpenTelemetry, as far as they are about traces. What the exporter alone needs to know, such as
 * OTEL_EXPORTER_OTLP_HEADERS, _TIMEOUT, _COMPRESSION and _CERTIFICATE, its library reads by itself.
 */
export const telemetryVariables = {
  OTEL_SDK_DISABLED: z.stringbool('must be true or false').default(false),
  OTEL_TRACES_EXPORTER: z.enum(['otlp', 'none']).default('otlp'),
  /** Without an endpoint nothing is exported, and no span is made. */
  OTEL_EXPORTER_OTLP_ENDPOINT: httpUrl().optional(),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: httpUrl().optional(),
  OTEL_EXPORTER_OTLP_PROTOCOL: z.literal('http/protobuf', 'must be http/protobuf').default('http/protobuf'),
  OTEL_TRACES_SAMPLER: z.enum(SAMPLERS).default('parentbased_traceidratio'),
  OTEL_TRACES_SAMPLER_ARG: z.coerce.number().min(0).max(1).default(0.01),
  OTEL_PROPAGATORS: propagatorsVariable,
  /** Of the names of the services: PREFIX-gateway, PREFIX-ingest, PREFIX-processor. */
  OTEL_SERVICE_NAME: z.string().min(1).default('votestream'),
  OTEL_RESOURCE_ATTRIBUTES: attributesVariable,
  /** Spans that wait to be exported; beyond, they are dropped and counted. */
  OTEL_BSP_MAX_QUEUE_SIZE: whole(MAX_QUEUE_SIZE, 1, 1_000_000),
  OTEL_BSP_MAX_EXPORT_BATCH_SIZE: whole(MAX_EXPORT_BATCH_SIZE, 1, 1_000_000),
  OTEL_BSP_SCHEDULE_DELAY: whole(5_000, 1, 600_000),
  OTEL_BSP_EXPORT_TIMEOUT: whole(30_000, 1, 600_000),
}

export type TelemetryEnvironment = z.infer<z.ZodObject<typeof telemetryVariables>>

/** Where traces are sent; undefined: nowhere. */
export const tracesEndpointOf = (environment: TelemetryEnvironment): string | undefined => {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: base, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: traces } = environment
  if (environment.OTEL_SDK_DISABLED || environment.OTEL_TRACES_EXPORTER === 'none') return undefined
  return traces ?? (base === undefined ? undefined : `${base.replace(/\/$/, '')}/v1/traces`)
}
