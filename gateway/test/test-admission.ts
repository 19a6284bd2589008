import { Registry } from 'prom-client'
import { type Admission, createAdmission } from '../src/admission/admission.js'
import { createAdmissionMetrics } from '../src/admission/admission-metrics.js'
import type { Limits, Rate } from '../src/admission/limits.js'
import { RATE_CEILING } from '../src/admission/limits.js'
import type { ClientAddresses } from '../src/client-address.js'
import type { Tokens } from '../src/tokens.js'

const HIGH: Rate = { perSecond: RATE_CEILING, burst: RATE_CEILING }
export const HIGH_LIMITS: Limits = {
  service: HIGH,
  apis: { rest: undefined, graphql: undefined, websocket: undefined },
  user: HIGH,
  address: HIGH,
}

/** The limits of one gateway without Redis, higher than a test comes where it does not say otherwise. */
export const createTestAdmission = ({
  limits = HIGH_LIMITS,
  addressOf = () => '127.0.0.1',
  registry = new Registry(),
  ...deps
}: {
  readonly tokens: Pick<Tokens, 'verify'>
  readonly limits?: Limits
  readonly addressOf?: ClientAddresses['of']
  readonly registry?: Registry
} & Partial<Pick<Parameters<typeof createAdmission>[0], 'keys' | 'quotas' | 'now'>>): Admission =>
  createAdmission({
    ...deps,
    limits,
    addressOf,
    metrics: createAdmissionMetrics(registry),
    shares: { replicas: 1, call: () => undefined, hold: () => undefined },
  })
