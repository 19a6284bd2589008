import type { IncomingMessage } from 'node:http'
import type { OpenSpan } from '@votestream/infra/telemetry/tracing'
import type { VotestreamError } from '@votestream/schema/errors'
import { comeAgainFields } from '../admission/rate-limit-fields.js'
import type { Caller } from '../caller.js'
import type { Deadline } from '../deadlines.js'
import type { Door, DoorAnswer } from '../doors.js'
import { parseJson } from '../json-body.js'
import { NO_REQUEST_METRICS, type RequestMetrics } from '../request-metrics.js'
import type { Traced } from '../request-trace.js'
import { NO_REQUEST_TRACES, type RequestTraces } from '../request-traces.js'
import { GRAPHQL_TYPE, JSON_TYPE } from './answer-types.js'
import type { GraphqlContext } from './context.js'
import type { Entries } from './entries.js'
import type { FormatError } from './graphql-errors.js'
import { GRAPHQL_PATH } from './graphql-path.js'
import { type KnownOperations, type PlainOperation, plainOperationOf } from './known-operations.js'
import type { Asked, Safelist } from './safelist.js'

interface OperationDoorOptions {
  readonly known: KnownOperations
  /** Undefined: any operation runs. */
  readonly safelist: Safelist | undefined
  readonly entries: Pick<Entries, 'of'>
  readonly contextOf: (
    request: IncomingMessage,
    caller: Caller | undefined,
    deadline: Deadline,
    trace: OpenSpan | undefined,
  ) => GraphqlContext
  readonly formatError: FormatError
  readonly traces?: RequestTraces
  readonly metrics?: Pick<RequestMetrics, 'acknowledged'>
}

type AnswerType = typeof GRAPHQL_TYPE | typeof JSON_TYPE

const headersOf = (type: AnswerType) => Object.freeze({ 'content-type': `${type}; charset=utf-8` })
const HEADERS: Readonly<Record<AnswerType, DoorAnswer['headers']>> = {
  [GRAPHQL_TYPE]: headersOf(GRAPHQL_TYPE),
  [JSON_TYPE]: headersOf(JSON_TYPE),
}
const APOLLO_CLIENT_ACCEPTS = `${GRAPHQL_TYPE},${JSON_TYPE};q=0.9`

/**
 * Operations that were found valid before, and may run, in the form in which clients send them: Apollo Server would do the
 * same with them, for more than is left then. Everything else is its own, and every failure before an operation runs, but
 * for who is not let in: that is to cost least of all.
 */
export const createOperationDoor = (options: OperationDoorOptions): Door => {
  const { known, safelist, entries, contextOf, formatError, traces = NO_REQUEST_TRACES } = options
  const { metrics = NO_REQUEST_METRICS } = options
  const refusal = (error: VotestreamError, type: string, traced: Traced): DoorAnswer => ({
    status: error.status,
    headers: {
      'content-type': `${type}; charset=utf-8`,
      ...(error.status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
      ...comeAgainFields(error),
    },
    body: `${JSON.stringify({ errors: [formatError(error, traced)] })}\n`,
  })

  return {
    url: GRAPHQL_PATH,
    take(request, body, deadline) {
      const type = answerTypeOf(request.headers)
      if (type === undefined) return undefined
      const operation = read(body, safelist)
      if (!operation) return undefined
      const cost = known.costOf(operation)
      if (cost === undefined) return undefined
      // Asked of what is known alone, which was registered once: whatever else comes was not let in yet.
      if (safelist && safelist.textOf(operation) === undefined) return undefined
      const entry = entries.of(request, cost)
      // Whoever waits for it is let in once: the operation's cost is paid, wherever it runs.
      if (entry instanceof Promise) return undefined
      const trace = traces.begin(request, GRAPHQL_PATH)
      if ('refusal' in entry) {
        const refused = refusal(entry.refusal, type, { traceParent: request.headers.traceparent, trace })
        const { code } = entry.refusal
        return Promise.resolve(trace ? traces.answered(trace, refused, { deadline, code }) : refused)
      }
      let context: GraphqlContext | undefined
      // One that is given back is begun anew by the router, and the span of it here is never told of.
      const answer = known.answer(operation, () => {
        context = contextOf(request, entry.caller, deadline, trace)
        return context
      })
      const headers = HEADERS[type]
      return answer?.then((body) => {
        const answered = { status: 200, headers, body, votes: context?.acknowledged.votes ?? 0 }
        return trace ? traces.answered(trace, answered, { deadline }) : answered
      })
    },
    failure: (error, { headers }) => refusal(error, JSON_TYPE, { traceParent: headers.traceparent }),
    answered({ headers }, { votes = 0 }, receivedMs) {
      for (let vote = 0; vote < votes; vote += 1) {
        metrics.acknowledged('graphql', receivedMs, headers.traceparent)
      }
    },
  }
}

/** Undefined for what is to be refused, or understood, by whom it is left to. */
const read = (body: Buffer, safelist: Safelist | undefined): PlainOperation | undefined => {
  try {
    const parsed = parseJson(body)
    return plainOperationOf(safelist ? withRegisteredText(safelist, parsed) : parsed)
  } catch {
    return undefined
  }
}

/** As it came; where a hash was sent alone, with the text that it stands for. */
const withRegisteredText = (safelist: Safelist, body: unknown): unknown => {
  if (typeof body !== 'object' || body === null || 'query' in body) return body
  const { extensions, ...rest }: Asked = body
  const text = safelist.textOf({ extensions })
  return text === undefined ? undefined : { ...rest, query: text }
}

/** What the answer is called; undefined where that is to be found out. */
export const answerTypeOf = ({ accept }: IncomingMessage['headers']): AnswerType | undefined => {
  if (accept === undefined || accept === '*/*' || accept === JSON_TYPE) return JSON_TYPE
  return accept === APOLLO_CLIENT_ACCEPTS ? GRAPHQL_TYPE : undefined
}
