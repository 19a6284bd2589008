import { optionalWholeVariable, wholeVariable } from '@votestream/infra/environment'
import { z } from 'zod'
import { originFault } from './cross-origin.js'
import { DOCUMENT_LIMITS, type DocumentLimits } from './graphql/document-limits.js'
import { SAFELIST_MODES } from './graphql/safelist.js'
import { stagesFault } from './graphql/socket-routes.js'
import { BODY_BYTES_LIMIT, HEADER_BYTES_LIMIT, HTTP_LIMITS, type HttpLimits } from './http-limits.js'

/** Names apart by commas; what is wrong with them is said by `faultOf`. */
const listVariable = (faultOf: (names: readonly string[]) => string | undefined) =>
  z
    .string()
    .default('')
    .transform((text, context) => {
      const names = text
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== '')
      const fault = faultOf(names)
      if (fault === undefined) return names
      context.addIssue({ code: 'custom', message: fault })
      return z.NEVER
    })

const originsFault = (origins: readonly string[]): string | undefined =>
  origins.map(originFault).find((fault) => fault !== undefined)

/** How large, how long and from where requests may be. */
export const frontDoorVariables = {
  /** Of the body of a request, and of an answer. */
  REQUEST_BYTES_MAX: wholeVariable(HTTP_LIMITS.requestBytesMax, 1_024, BODY_BYTES_LIMIT),
  RESPONSE_BYTES_MAX: wholeVariable(HTTP_LIMITS.responseBytesMax, 1_024, BODY_BYTES_LIMIT),
  HEADER_BYTES_MAX: wholeVariable(HTTP_LIMITS.headerBytesMax, 1_024, HEADER_BYTES_LIMIT),
  /** How long a request's headers, and the whole of it, may take to arrive; and its answer. */
  HEADERS_TIMEOUT_MS: wholeVariable(HTTP_LIMITS.headersTimeoutMs, 100, 300_000),
  ARRIVAL_TIMEOUT_MS: wholeVariable(HTTP_LIMITS.arrivalTimeoutMs, 100, 300_000),
  REQUEST_TIMEOUT_MS: wholeVariable(HTTP_LIMITS.requestTimeoutMs, 100, 300_000),
  KEEP_ALIVE_MS: wholeVariable(HTTP_LIMITS.keepAliveMs, 100, 3_600_000),
  REQUESTS_PER_CONNECTION_MAX: wholeVariable(HTTP_LIMITS.requestsPerConnectionMax, 1, 1_000_000_000),
  /** Of one process; sockets are not counted. */
  HTTP_CONNECTIONS_MAX: wholeVariable(HTTP_LIMITS.connectionsMax, 1, 1_000_000),
  /** New sockets a second, of all workers together. */
  SOCKETS_PER_SECOND_MAX: wholeVariable(500, 1, 1_000_000),
  SOCKET_IDLE_SECONDS: wholeVariable(600, 1, 86_400),
  SOCKET_LIFE_SECONDS: wholeVariable(7_200, 1, 86_400),
  /** Names under each of which sockets are offered at a path of its own, /graphql/NAME. */
  WEBSOCKET_STAGES: listVariable(stagesFault),
  /** `only`: operations of GraphQL that are not registered are refused. */
  GRAPHQL_SAFELIST: z.enum(SAFELIST_MODES, `must be ${SAFELIST_MODES.join(' or ')}`).default('off'),
  /** What one GraphQL document may ask for. At the highest of each, one takes some 100 ms to be looked at. */
  GRAPHQL_DEPTH_MAX: wholeVariable(DOCUMENT_LIMITS.depthMax, 5, 100),
  GRAPHQL_FIELDS_MAX: wholeVariable(DOCUMENT_LIMITS.fieldsMax, 10, 10_000),
  GRAPHQL_ALIASES_MAX: wholeVariable(DOCUMENT_LIMITS.aliasesMax, 1, 10_000),
  GRAPHQL_DIRECTIVES_MAX: wholeVariable(DOCUMENT_LIMITS.directivesMax, 1, 1_000),
  GRAPHQL_COST_MAX: wholeVariable(DOCUMENT_LIMITS.costMax, 500, 1_000_000),
  GRAPHQL_TOKENS_MAX: wholeVariable(DOCUMENT_LIMITS.tokensMax, 100, 100_000),
  /** Origins of other hosts whose pages may call this one, apart by commas. */
  CORS_ORIGINS: listVariable(originsFault),
  /** Set, TLS is spoken on the public port, and nothing else. In PEM. */
  TLS_CERT_FILE: z.string().optional(),
  TLS_KEY_FILE: z.string().optional(),
  /** For how long browsers come by TLS alone. By default a year with TLS, and not a word without. */
  HSTS_SECONDS: optionalWholeVariable(0, 63_072_000),
}

type FrontDoor = z.infer<z.ZodObject<typeof frontDoorVariables>>

/** What is wrong with variables that are each right. */
export const frontDoorFaults = ({ TLS_CERT_FILE, TLS_KEY_FILE }: FrontDoor): string[] => {
  if ((TLS_CERT_FILE === undefined) === (TLS_KEY_FILE === undefined)) return []
  const missing = TLS_CERT_FILE === undefined ? 'TLS_CERT_FILE' : 'TLS_KEY_FILE'
  return [`${missing}: is needed with the other one of the pair`]
}

export const httpLimitsOf = (environment: FrontDoor): HttpLimits => ({
  requestBytesMax: environment.REQUEST_BYTES_MAX,
  responseBytesMax: environment.RESPONSE_BYTES_MAX,
  headerBytesMax: environment.HEADER_BYTES_MAX,
  headersTimeoutMs: environment.HEADERS_TIMEOUT_MS,
  arrivalTimeoutMs: environment.ARRIVAL_TIMEOUT_MS,
  requestTimeoutMs: environment.REQUEST_TIMEOUT_MS,
  keepAliveMs: environment.KEEP_ALIVE_MS,
  requestsPerConnectionMax: environment.REQUESTS_PER_CONNECTION_MAX,
  connectionsMax: environment.HTTP_CONNECTIONS_MAX,
})

export const documentLimitsOf = (environment: FrontDoor): DocumentLimits => ({
  depthMax: environment.GRAPHQL_DEPTH_MAX,
  fieldsMax: environment.GRAPHQL_FIELDS_MAX,
  aliasesMax: environment.GRAPHQL_ALIASES_MAX,
  directivesMax: environment.GRAPHQL_DIRECTIVES_MAX,
  costMax: environment.GRAPHQL_COST_MAX,
  tokensMax: environment.GRAPHQL_TOKENS_MAX,
})

const YEAR_SECONDS = 365 * 24 * 60 * 60

export const hstsSecondsOf = ({ HSTS_SECONDS, TLS_CERT_FILE }: FrontDoor): number | undefined =>
  HSTS_SECONDS ?? (TLS_CERT_FILE === undefined ? undefined : YEAR_SECONDS)
