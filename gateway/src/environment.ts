import {
  clickhouseVariables,
  commonVariables,
  EnvironmentError,
  optionalWholeVariable,
  portVariable,
  readEnvironment,
  redisVariables,
  wholeVariable,
} from '@votestream/infra/environment'
import { telemetryVariables } from '@votestream/infra/telemetry/variables'
import { z } from 'zod'
import { DEFAULT_LIMITS, type Limits, RATE_CEILING, type Rate } from './admission/limits.js'
import { createClientAddresses } from './client-address.js'
import { parseDuration } from './duration.js'
import { frontDoorFaults, frontDoorVariables } from './front-door-variables.js'
import type { SocketLimits } from './graphql/sockets.js'
import { rumFaults, rumVariables } from './rum/rum-variables.js'
import { type TextFieldName, textFault } from './text-fields.js'

const SECRET_LENGTH_MIN = 32

const textVariable = (field: TextFieldName) =>
  z.string().superRefine((value, context) => {
    const fault = textFault(field, value)
    if (fault) context.addIssue({ code: 'custom', message: fault })
  })

/**
 * Requests a second, and how many may come at once: of the whole service, of each API (the service's, where none is set), of
 * one user and of one address. They can be raised, up to what an account may have, and not be switched off.
 */
const rateVariable = (fallback: number) => wholeVariable(fallback, 1, RATE_CEILING)
const ownRateVariable = () => optionalWholeVariable(1, RATE_CEILING)
const rateVariables = {
  RATE_LIMIT: rateVariable(DEFAULT_LIMITS.service.perSecond),
  RATE_BURST: rateVariable(DEFAULT_LIMITS.service.burst),
  REST_RATE_LIMIT: ownRateVariable(),
  REST_RATE_BURST: ownRateVariable(),
  GRAPHQL_RATE_LIMIT: ownRateVariable(),
  GRAPHQL_RATE_BURST: ownRateVariable(),
  WEBSOCKET_RATE_LIMIT: ownRateVariable(),
  WEBSOCKET_RATE_BURST: ownRateVariable(),
  USER_RATE_LIMIT: rateVariable(DEFAULT_LIMITS.user.perSecond),
  USER_RATE_BURST: rateVariable(DEFAULT_LIMITS.user.burst),
  ADDRESS_RATE_LIMIT: rateVariable(DEFAULT_LIMITS.address.perSecond),
  ADDRESS_RATE_BURST: rateVariable(DEFAULT_LIMITS.address.burst),
}

/** @throws EnvironmentError that names each faulty variable. */
export const readGatewayEnvironment = (source: NodeJS.ProcessEnv) => {
  const environment = readEnvironment(
    {
      ...commonVariables,
      ...redisVariables,
      ...telemetryVariables,
      ...clickhouseVariables,
      ...frontDoorVariables,
      ...rumVariables,
      GATEWAY_PORT: portVariable(4000),
      GATEWAY_HOST: z.string().default('127.0.0.1'),
      GATEWAY_METRICS_PORT: portVariable(9401),
      /** Processes behind the one port. */
      GATEWAY_WORKERS: wholeVariable(1, 1, 256),
      JWT_SECRET: z.string('is required').min(1),
      /** A second secret that tokens are verified with, and none is signed: the one before, or the one to come. */
      JWT_SECRET_OTHER: z.string().min(1).optional(),
      /** A JSON file with `jwtSecret` and `otherJwtSecret` instead, which is read again when it changes. */
      JWT_SECRETS_FILE: z.string().min(1).optional(),
      ID_SECRET: z.string('is required').min(1),
      ADMIN_USERNAME: textVariable('username').optional(),
      ADMIN_PASSWORD: textVariable('password').optional(),
      /** Addresses and networks of the proxies in front, apart by commas: their `X-Forwarded-For` is believed. */
      TRUSTED_PROXIES: z
        .string()
        .default('')
        .transform((text, context) => {
          const proxies = text.split(',').map((part) => part.trim())
          const named = proxies.filter((part) => part !== '')
          try {
            createClientAddresses(named)
            return named
          } catch (error) {
            context.addIssue({ code: 'custom', message: (error as Error).message })
            return z.NEVER
          }
        }),
      ...rateVariables,
      /** Live connections of one user, and from one address; a whole office may stand behind one. */
      SOCKETS_PER_USER_MAX: wholeVariable(50, 1, 1_000_000),
      SOCKETS_PER_ADDRESS_MAX: wholeVariable(20_000, 1, 1_000_000),
      /** Operations of one socket at once. */
      OPERATIONS_PER_SOCKET_MAX: wholeVariable(100, 1, 10_000),
      /** Seconds for which a live connection stays open when its token has expired. */
      TOKEN_GRACE_SECONDS: wholeVariable(2, 0, 3_600),
      /** Seconds over which live connections are closed when the gateway stops. */
      DRAIN_SECONDS: wholeVariable(1, 0, 600),
      /** How long caches may keep a leaderboard, in seconds. */
      LEADERBOARD_MAX_AGE: wholeVariable(1, 0, 3_600),
      /** Traces that clients ask for with their headers, in a second, all workers together; beyond, they are not sampled. */
      TRACES_FROM_CLIENTS_PER_SECOND_MAX: wholeVariable(100, 0, 1_000_000),
      /** Traces that are begun by lot in a second, all workers together, whatever share of the requests is asked for. */
      TRACES_PER_SECOND_MAX: wholeVariable(25, 0, 1_000_000),
      /** Whether requests without an API key are refused; one that is sent is always checked. */
      API_KEY_REQUIRED: z.stringbool('must be true or false').default(false),
      /** The share of requests of which there is a line in the log, and how long one may take that has none. */
      LOG_REQUESTS_RATIO: z.coerce.number().min(0).max(1).default(0.001),
      SLOW_REQUEST_MS: wholeVariable(1_000, 1, 300_000),
      /** How long a user's token is valid: `30m`, `24h`, `7d`, or seconds. */
      TOKEN_TTL: z
        .string()
        .default('24h')
        .transform((text, context) => {
          const seconds = parseDuration(text)
          if (seconds !== undefined) return seconds
          context.addIssue({ code: 'custom', message: 'must be seconds, or a number with s, m, h or d' })
          return z.NEVER
        }),
    },
    source,
  )
  const faults = [...frontDoorFaults(environment), ...rumFaults(environment)]
  if (faults.length > 0) throw new EnvironmentError(faults)
  if (environment.NODE_ENV === 'production') requireStrongSecrets(environment)
  return environment
}

export type GatewayEnvironment = ReturnType<typeof readGatewayEnvironment>

type RateVariables = Pick<GatewayEnvironment, keyof typeof rateVariables>

export const limitsOf = (variables: RateVariables): Limits => {
  const service = { perSecond: variables.RATE_LIMIT, burst: variables.RATE_BURST }
  const limitOf = (perSecond: number | undefined, burst: number | undefined): Rate | undefined => {
    if (perSecond === undefined && burst === undefined) return undefined
    return { perSecond: perSecond ?? service.perSecond, burst: burst ?? service.burst }
  }
  return {
    service,
    apis: {
      rest: limitOf(variables.REST_RATE_LIMIT, variables.REST_RATE_BURST),
      graphql: limitOf(variables.GRAPHQL_RATE_LIMIT, variables.GRAPHQL_RATE_BURST),
      websocket: limitOf(variables.WEBSOCKET_RATE_LIMIT, variables.WEBSOCKET_RATE_BURST),
    },
    user: { perSecond: variables.USER_RATE_LIMIT, burst: variables.USER_RATE_BURST },
    address: { perSecond: variables.ADDRESS_RATE_LIMIT, burst: variables.ADDRESS_RATE_BURST },
  }
}

export const socketLimitsOf = (variables: GatewayEnvironment): SocketLimits => ({
  operationsPerSocketMax: variables.OPERATIONS_PER_SOCKET_MAX,
  expiryGraceMs: variables.TOKEN_GRACE_SECONDS * 1_000,
  drainMs: variables.DRAIN_SECONDS * 1_000,
  // Each worker has its share: connections are handed to them in turn.
  perSecondMax: Math.max(1, Math.floor(variables.SOCKETS_PER_SECOND_MAX / variables.GATEWAY_WORKERS)),
  idleMs: variables.SOCKET_IDLE_SECONDS * 1_000,
  lifeMs: variables.SOCKET_LIFE_SECONDS * 1_000,
  stages: variables.WEBSOCKET_STAGES,
})

const requireStrongSecrets = (secrets: { JWT_SECRET: string; ID_SECRET: string }): void => {
  const weak = (['JWT_SECRET', 'ID_SECRET'] as const).filter(
    (name) => secrets[name].length < SECRET_LENGTH_MIN,
  )
  if (weak.length === 0) return
  throw new EnvironmentError(
    weak.map((name) => `${name}: must have at least ${SECRET_LENGTH_MIN} characters in production`),
  )
}
