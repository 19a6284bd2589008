import type { Place } from '../hostile/place.js'
import { callerOf, idOf } from './callers.js'
import { type Draw, inAddress } from './draw.js'
import { bytesOf, type JsonSchema, mutated, validValue } from './json-values.js'
import type { RawRequest } from './raw-exchange.js'

/** An operation as `openapi.json` has it. */
export interface Operation {
  readonly operationId: string
  readonly method: string
  readonly path: string
  readonly body: JsonSchema | undefined
  /** The schema of each documented status; undefined where an answer has no JSON. */
  readonly answers: ReadonlyMap<number, JsonSchema | undefined>
}

export interface RestRequest extends RawRequest {
  readonly operationId: string
  /** What it was made for; undefined where path or method are something else. */
  readonly operation: Operation | undefined
}

interface Content {
  readonly content?: Readonly<Record<string, { readonly schema: JsonSchema }>>
}
interface PathItem {
  readonly operationId: string
  readonly requestBody?: Content
  readonly responses: Readonly<Record<string, Content>>
}
export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, PathItem>>>>
  readonly components: { readonly schemas: Readonly<Record<string, object>> }
}

export const operationsOf = ({ paths }: OpenApi): Operation[] =>
  Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId, requestBody, responses }]) => ({
      operationId,
      method: method.toUpperCase(),
      path,
      body: requestBody?.content?.['application/json']?.schema,
      answers: new Map(
        Object.entries(responses).map(([status, { content }]) => [
          Number(status),
          content?.['application/json']?.schema,
        ]),
      ),
    })),
  )

export const restRequest = (draw: Draw, place: Place, operations: readonly Operation[]): RestRequest => {
  const operation = draw.pick(operations)
  const { userId, authorization } = callerOf(draw, place)
  // What is closed takes no votes: only the other event is.
  const isOther = operation.operationId === 'closeEvent' || draw.chance(20)
  const event = isOther ? place.other : place.event
  const contestant = event.contestantIds[draw.number(event.contestantIds.length)] ?? ''
  const good: Readonly<Record<string, () => string>> = {
    user_id: () => idOf(draw, place, userId),
    event_id: () =>
      operation.operationId === 'closeEvent' ? closable(draw, place) : idOf(draw, place, event.id),
    contestant_id: () => idOf(draw, place, contestant),
    vote_id: () => idOf(draw, place, voteIdOf(place, event.id, userId)),
    username: () => `user${draw.number(10_000)}`,
    contestant_name: () => `name ${draw.number(1_000)}`,
  }
  let body = operation.body && validValue(draw, operation.body, good)
  for (let faults = draw.pick([0, 0, 1, 1, 1, 2, 3]); operation.body && faults > 0; faults -= 1) {
    body = mutated(draw, body)
  }
  const path = operation.path.replace(/\{(\w+)\}/g, (_, name: string) => inAddress(good[name]?.() ?? ''))
  const isOwnPath = draw.chance(90) && !path.includes('//')
  const isOwnMethod = draw.chance(95)
  const type = draw.chance(92) ? 'application/json' : draw.pick(CONTENT_TYPES)
  return {
    operationId: operation.operationId,
    operation: isOwnPath && isOwnMethod ? operation : undefined,
    method: isOwnMethod ? operation.method : draw.pick(METHODS),
    path: withQuery(draw, isOwnPath ? path : oddPath(draw, path)),
    headers: [
      ...(authorization === undefined ? [] : [['Authorization', authorization] as const]),
      ...(body === undefined ? [] : [['Content-Type', type] as const]),
      ...oddHeaders(draw),
    ],
    body: body === undefined ? undefined : bytesOf(draw, body),
  }
}

const voteIdOf = ({ system: { ids } }: Place, eventId: string, userId: string): string => {
  const [event, voter] = [ids.parseEventId(eventId), ids.parseUserId(userId)]
  return event && voter ? ids.voteId(event, voter) : ''
}

const closable = (draw: Draw, place: Place): string =>
  draw.pick([place.other.id, place.other.id.slice(1), place.system.ids.userId(1 as never), draw.text(22)])

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'TRACE', 'QUERY', 'get', 'X']
const CONTENT_TYPES = [
  'text/plain',
  'application/json; charset=utf-16',
  'application/json;',
  'application/JSON; charset=UTF-8',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=a',
  'application/problem+json',
  '',
  ';',
  'application/json, text/plain',
]
const ODD_PARTS = [
  '%00',
  '%ff',
  '%',
  '%zz',
  '..',
  '.',
  '',
  '%2e%2e',
  '%2f',
  ';a=b',
  '*',
  '\u00ff',
  'a'.repeat(3_000),
]

const oddPath = (draw: Draw, path: string): string => {
  const parts = path.split('/')
  const at = 1 + draw.number(parts.length - 1)
  const way = draw.number(3)
  if (way === 0) parts[at] = draw.pick(ODD_PARTS)
  else if (way === 1) parts.splice(at, 0, draw.pick(ODD_PARTS))
  else parts.splice(at, 1)
  return parts.join('/') || '/'
}

const withQuery = (draw: Draw, path: string): string =>
  draw.chance(90)
    ? path
    : `${path}?${draw.pick(['', '%ff', 'a=1&a=2', '__proto__[x]=1', '?', '%00=%00', 'a[]=1'])}`

const HEADERS: Readonly<Record<string, readonly string[]>> = {
  'Idempotency-Key': ['', '\u00ff', 'a', 'a'.repeat(300), '"a"', 'a,b', ' '],
  traceparent: [
    '',
    '00-00000000000000000000000000000000-0000000000000000-00',
    '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    'ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    '\u00fe',
  ],
  tracestate: ['a=b', '=', ','.repeat(1_000)],
  'If-None-Match': ['*', '"', 'W/"0"', '"a", "b"', '\u00ff', '"'.repeat(500)],
  'Last-Event-ID': ['-1', '1e400', 'NaN', '9007199254740993', '\u00ff', ''],
  Accept: ['', 'text/html', 'application/xml;q=x', '*/*;q=2'],
  'Accept-Encoding': ['gzip', 'br;q=0', 'identity;q=0, *;q=0', '\u00ff'],
  'X-Forwarded-For': ['127.0.0.1', 'x'.repeat(500), '\u00ff', '::1, ::1'],
  'X-Request-Id': ['\u00ff', 'a'.repeat(2_000)],
  Origin: ['null', 'https://evil.example', '\u00ff'],
  Range: ['bytes=0-', 'bytes=9-1'],
  'X-Large': ['a'.repeat(8_000), 'a'.repeat(12_000)],
  Cookie: ['a', '=;=;'],
  Authorization: ['Bearer a'],
  'x-api-key': ['', 'a', '\u00ff'.repeat(100)],
}

const oddHeaders = (draw: Draw): [string, string][] =>
  Array.from({ length: draw.pick([0, 0, 0, 1, 2]) }, () => {
    const name = draw.pick(Object.keys(HEADERS))
    return [name, draw.pick(HEADERS[name] ?? [''])]
  })
