import { randomUUID } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { Credentials } from './access.js'
import { refusal } from './exception-status.js'

export interface QueryRequest {
  /** The part of the statement that stands in the address, '' where all of it is in the body. */
  query: string
  queryId: string
  database: string | undefined
  defaultFormat: string
  settings: Map<string, string>
  parameters: Map<string, string>
  /** A GET must not change anything. */
  readonly: boolean
}

// Parameters of the HTTP interface itself: no settings of the engine.
const own = new Set(
  'query query_id database default_format user password wait_end_of_query buffer_size quota_key stacktrace'.split(
    ' ',
  ),
)
const unavailable = new Set('compress decompress session_id session_check session_timeout role'.split(' '))

/** Reads everything but the body from a request. Pure but for the query id it makes. */
export function parseQueryRequest(method: string, url: URL, headers: IncomingHttpHeaders): QueryRequest {
  const settings = new Map<string, string>()
  const parameters = new Map<string, string>()
  for (const [name, value] of url.searchParams) {
    if (own.has(name)) continue
    if (unavailable.has(name)) {
      if (value === '' || value === '0') continue
      throw refusal('NOT_IMPLEMENTED', `The parameter ${name} is not available in the embedded server.`)
    }
    addNamed(name, value, settings, parameters)
  }
  return {
    query: url.searchParams.get('query') ?? '',
    queryId: url.searchParams.get('query_id') || headerOf(headers, 'x-clickhouse-query-id') || randomUUID(),
    database: url.searchParams.get('database') || headerOf(headers, 'x-clickhouse-database') || undefined,
    defaultFormat:
      headerOf(headers, 'x-clickhouse-format') || url.searchParams.get('default_format') || 'TabSeparated',
    settings,
    parameters,
    readonly: method !== 'POST',
  }
}

/** Sorts `param_x` from settings. A name that is not a plain word is refused, so that it can stand in a SET. */
export function addNamed(
  name: string,
  value: string,
  settings: Map<string, string>,
  parameters: Map<string, string>,
) {
  if (!/^[A-Za-z_]\w*$/.test(name))
    throw refusal('BAD_REQUEST_PARAMETER', `Invalid parameter name ${JSON.stringify(name)}.`)
  if (name.startsWith('param_')) parameters.set(name.slice('param_'.length), value)
  else settings.set(name, value)
}

/** Credentials from the address, ClickHouse's headers or basic authentication, in this order. */
export function credentialsOf(url: URL, headers: IncomingHttpHeaders): Credentials | undefined {
  const user = url.searchParams.get('user') ?? headerOf(headers, 'x-clickhouse-user')
  const password = url.searchParams.get('password') ?? headerOf(headers, 'x-clickhouse-key')
  if (user !== undefined || password !== undefined)
    return { user: user || 'default', password: password ?? '' }
  const [scheme, encoded] = (headers.authorization ?? '').split(' ')
  if (scheme?.toLowerCase() !== 'basic' || encoded === undefined) return undefined
  const text = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  return colon === -1
    ? { user: text, password: '' }
    : { user: text.slice(0, colon), password: text.slice(colon + 1) }
}

function headerOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name]
  return Array.isArray(value) ? value[0] : value
}
