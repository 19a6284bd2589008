import type { IncomingMessage } from 'node:http'
import { ATTRIBUTES } from '@votestream/infra/telemetry/attributes'
import { NO_TRACING, type OpenSpan, type Tracing } from '@votestream/infra/telemetry/tracing'
import type { FastifyInstance } from 'fastify'
import type { Deadline } from './deadlines.js'
import type { DoorAnswer } from './doors.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** Its span, where it is sampled. */
    trace: OpenSpan | null
  }
}

/** Requests over HTTP at the beginning of their stories. */
export interface RequestTraces {
  readonly on: boolean
  /** Decides whether the request is sampled; for the others there is no more to be done. @param route as it is documented */
  begin(request: IncomingMessage, route: string): OpenSpan | undefined
  /** Ends the span of a request that a door has answered. @returns the answer, as it is to be sent */
  answered(trace: OpenSpan, answer: DoorAnswer, outcome: Outcome): DoorAnswer
  /** Of a response to a sampled request. */
  fields(trace: OpenSpan): Readonly<Record<string, string>>
}

interface Outcome {
  /** Over: its client was told so instead. */
  readonly deadline: Deadline
  /** Of our catalogue of errors. */
  readonly code?: string
}

/** What the client was told, in our own words; of a fault of ours it is the type of the error, too. */
const CODE = 'votestream.code'
const PATH_LENGTH_MAX = 200

export const createRequestTraces = (tracing: Tracing): RequestTraces => {
  const fields = ({ context }: OpenSpan) => tracing.responseFields(context)
  return {
    on: tracing.on,
    begin(request, route) {
      const head = tracing.decide(request.headers)
      return head && tracing.begin(head, describe(request, route))
    },
    answered(trace, answer, { deadline, code }) {
      if (deadline.over) endRequest(trace, 504, 'TIMEOUT')
      else endRequest(trace, answer.status, code)
      return { ...answer, headers: { ...answer.headers, ...fields(trace) } }
    },
    fields,
  }
}

export const NO_REQUEST_TRACES: RequestTraces = createRequestTraces(NO_TRACING)

const describe = (request: IncomingMessage, route: string) => {
  const { method = '', url = '' } = request
  // What follows the path may be anybody's secret.
  const [path = ''] = url.split('?', 1)
  return {
    name: route === '' ? method : `${method} ${route}`,
    kind: 'server' as const,
    attributes: {
      [ATTRIBUTES.httpMethod]: method,
      ...(route === '' ? {} : { [ATTRIBUTES.httpRoute]: route }),
      [ATTRIBUTES.urlPath]: path.slice(0, PATH_LENGTH_MAX),
      [ATTRIBUTES.urlScheme]: 'encrypted' in request.socket ? 'https' : 'http',
    },
  }
}

/** A client's mistake is no failure of the span; it is told which one. */
const endRequest = (trace: OpenSpan, status: number, code?: string): void => {
  trace.set({ [ATTRIBUTES.httpStatus]: status })
  if (code !== undefined) noteCode(trace, code)
  trace.end(status >= 500 ? (code ?? String(status)) : undefined)
}

export const noteCode = (trace: OpenSpan, code: string): void => trace.set({ [CODE]: code })

/** Of everything that comes by the router. What is followed has no end to wait for, and probes tell nothing. */
export const traceRequests = (app: FastifyInstance, traces: RequestTraces): void => {
  app.decorateRequest('trace', null)
  if (!traces.on) return
  app.addHook('onRequest', (request, reply, next) => {
    const { url = '', config } = request.routeOptions
    const { untimed = false, admission } = config
    const trace = untimed || admission === 'none' ? undefined : traces.begin(request.raw, url)
    if (trace) {
      request.trace = trace
      void reply.headers(traces.fields(trace))
      reply.raw.once('close', () => endRequest(trace, reply.statusCode))
    }
    next()
  })
}
