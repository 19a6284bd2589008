import {
  type ExecutionArgs,
  type ExecutionResult,
  type FormattedExecutionResult,
  type GraphQLSchema,
  subscribe,
} from 'graphql'
import type { Caller } from '../caller.js'
import type { Viewer } from '../live/audience.js'
import { traceIdsOf } from '../live/board-traces.js'
import type { Broadcasts, Payload } from '../live/broadcasts.js'
import type { Latest } from '../live/latest.js'
import type { GraphqlContext, Incoming } from './context.js'
import type { CheckedOperation } from './documents.js'

/** Subscriptions whose answer is the same for every viewer of a role: executed once, and written once. */
export interface SharedSubscriptions {
  /** @param viewer takes each answer, as JSON in UTF-8 */
  join(operation: SharedOperation, viewer: Viewer): Latest<never>
}

export interface SharedOperation {
  /** With a text that is shared. */
  readonly operation: CheckedOperation
  readonly operationName: string | null
  /** As the client sent them. */
  readonly variables: Readonly<Record<string, unknown>>
  /** As the schema reads them. */
  readonly coerced: Readonly<Record<string, unknown>>
  readonly caller: Caller | undefined
}

interface SharedSubscriptionsOptions {
  readonly schema: GraphQLSchema
  readonly broadcasts: Broadcasts
  readonly createContext: (incoming: Incoming) => GraphqlContext
  readonly format: (result: ExecutionResult) => FormattedExecutionResult
}

export const createSharedSubscriptions = ({
  schema,
  broadcasts,
  createContext,
  format,
}: SharedSubscriptionsOptions): SharedSubscriptions => ({
  join(shared, viewer) {
    const { operation, operationName, variables, coerced, caller } = shared
    const role = caller && roleOf(caller)
    const key = JSON.stringify([
      operation.sharedText,
      operationName,
      coerced,
      role ? [...role.scopes].sort() : null,
    ])
    const make = (): Promise<AsyncIterator<Payload>> => {
      const context = createContext({
        api: 'websocket',
        caller: role,
        idempotencyKey: undefined,
        traceParent: undefined,
        deadline: undefined,
      })
      const args = { schema, document: operation.document, operationName, variableValues: variables }
      return payloads({ ...args, contextValue: context }, context, format)
    }
    return broadcasts.follow(`graphql ${key}`, make, viewer)
  },
})

/** What a viewer may, without who it is: a field that depended on that would refuse. */
const roleOf = ({ scopes }: Caller): Caller => ({
  voter: undefined,
  userId: undefined,
  scopes,
  expiresAtMs: Number.POSITIVE_INFINITY,
  issuedAtMs: Number.POSITIVE_INFINITY,
  tokenId: '',
})

const payloads = async (
  args: ExecutionArgs,
  context: Pick<GraphqlContext, 'since'>,
  format: SharedSubscriptionsOptions['format'],
): Promise<AsyncIterator<Payload>> => {
  const payloadOf = (result: ExecutionResult): Payload => {
    const { since } = context
    const text = JSON.stringify(format(result))
    const bytes = Buffer.from(text)
    return since?.traces ? { bytes, since, told: withTraces(text, since.traces) } : { bytes, since }
  }
  const stream = await subscribe(args)
  if (!(Symbol.asyncIterator in stream)) return onlyOne(payloadOf(stream))
  // No generator around it: that could be left only once the next answer was there.
  return {
    async next() {
      const { value, done } = await stream.next()
      return done ? { value: undefined, done } : { value: payloadOf(value), done: false }
    },
    return: async () => {
      await stream.return()
      return { value: undefined, done: true }
    },
  }
}

/** The same answer, with what it is the first to show: there are no other extensions, nor fields behind them. */
const withTraces = (text: string, traces: readonly string[]): Buffer =>
  Buffer.from(`${text.slice(0, -1)},"extensions":${JSON.stringify({ traces: traceIdsOf(traces) })}}`)

async function* onlyOne(payload: Payload): AsyncGenerator<Payload, undefined> {
  yield payload
  return undefined
}
