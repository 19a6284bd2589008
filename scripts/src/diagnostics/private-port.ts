import type { Environment } from '../environment.js'
import { diagnosticsToken, diagnosticsTokenFile } from './token.js'

export const SERVICES = ['gateway', 'ingest', 'processor'] as const
export type ServiceName = (typeof SERVICES)[number]

export const isService = (name: string | undefined): name is ServiceName =>
  SERVICES.some((service) => service === name)

export interface PrivateRequest {
  readonly service: ServiceName
  /** With what follows the question mark. */
  readonly path: string
  /** Of a service that is not this machine's. */
  readonly url?: string | undefined
  /** Sent by PUT; without it the request is a GET. */
  readonly body?: unknown
  readonly withinMs?: number
}

const WITHIN_MS = 10_000

/** Asks a service on its private port, as its operator. @throws Error with a sentence for whoever typed the command */
export const askService = async (environment: Environment, request: PrivateRequest): Promise<Buffer> => {
  const { service, path, body, withinMs = WITHIN_MS } = request
  const token = await diagnosticsToken(environment)
  if (token === undefined) {
    const file = diagnosticsTokenFile(environment.DATA_DIR)
    throw new Error(`There is no ${file}: start Votestream once first, or set DIAGNOSTICS_TOKEN.`)
  }
  const base = request.url ?? `http://127.0.0.1:${portOf(environment, service)}`
  const response = await fetch(new URL(path, base), {
    headers: { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(withinMs),
    ...(body === undefined ? {} : { method: 'PUT', body: JSON.stringify(body) }),
  }).catch((cause: unknown) => {
    throw new Error(`${service} does not answer at ${base}.`, { cause })
  })
  const answer = Buffer.from(await response.arrayBuffer())
  if (!response.ok) throw new Error(`${service} refuses: ${response.status} ${answer.toString().trim()}`)
  return answer
}

const portOf = (environment: Environment, service: ServiceName): number =>
  environment[`${service.toUpperCase() as Uppercase<ServiceName>}_METRICS_PORT`]
