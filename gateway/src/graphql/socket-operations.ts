import { NO_TRACING, type Tracing } from '@votestream/infra/telemetry/tracing'
import { VotestreamError } from '@votestream/schema/errors'
import {
  type ExecutionArgs,
  type ExecutionResult,
  GraphQLError,
  type GraphQLSchema,
  getVariableValues,
  subscribe,
} from 'graphql'
import { CloseCode, type Context, type ServerOptions, type SubscribePayload } from 'graphql-ws'
import type { Admission, Entered, Origin } from '../admission/admission.js'
import type { Caller } from '../caller.js'
import type { Deadlines } from '../deadlines.js'
import type { Viewer } from '../live/audience.js'
import type { Broadcasts } from '../live/broadcasts.js'
import type { LiveConnections } from '../live/open-counts.js'
import type { RequestMetrics } from '../request-metrics.js'
import { type TokenExpiryOptions, watchExpiry } from '../token-expiry.js'
import type { TokenVerifier } from '../tokens.js'
import type { GraphqlContext, Incoming } from './context.js'
import type { DocumentLimits } from './document-limits.js'
import { type CheckedOperation, createDocuments } from './documents.js'
import { asGraphqlError, type FormatError, withErrors } from './graphql-errors.js'
import { beginSocketOperation } from './operation-traces.js'
import { refuseUnknownFields } from './request-fields.js'
import type { Safelist } from './safelist.js'
import { createSharedSubscriptions, type SharedOperation } from './shared-subscriptions.js'
import { apiKeyOf, authorizationOf, callerOf, textOf } from './socket-parameters.js'
import { acknowledgeVotes, executeInTime, isTimed, type TimedArgs } from './timed-operations.js'
import { untilRemoved } from './until-removed.js'
import { variableFaults } from './variable-faults.js'

export interface OperationLimits {
  /** Of one socket at once. */
  readonly operationsPerSocketMax: number
  /** How long a socket stays whose token has expired: its client may want to connect anew before it is closed. */
  readonly expiryGraceMs: number
}

export interface SocketOperationsOptions extends OperationLimits {
  readonly schema: GraphQLSchema
  readonly introspection: boolean
  readonly documentLimits: DocumentLimits
  readonly safelist: Safelist | undefined
  readonly tokens: TokenVerifier
  readonly admission: Pick<Admission, 'enterFrom'>
  readonly formatError: FormatError
  readonly createContext: (incoming: Incoming) => GraphqlContext
  readonly broadcasts: Broadcasts
  readonly connections: LiveConnections
  readonly requestMetrics: RequestMetrics
  /** Of queries and mutations; what is followed has none. */
  readonly deadlines: Pick<Deadlines, 'begin'>
  readonly tracing?: Tracing
}

/** Of one socket. */
interface Extra extends Record<PropertyKey, unknown> {
  readonly origin: Origin
  /** The queries and mutations that have no answer yet. */
  readonly executing: Set<string>
  /** Takes the answers of an operation, as JSON in UTF-8. */
  readonly viewer: (operationId: string) => Viewer
  readonly close: (code: number, reason: string) => void
  /** Stops waiting for the token to expire, and counting the socket as its user's. */
  forget?: () => void
}

/** What is executed for nobody in particular, and who wants to see it. */
interface SharedArgs extends ExecutionArgs {
  readonly shared: SharedOperation
  readonly viewer: Viewer
}

type SocketContext = Context<Record<string, unknown>, Extra>
type Hooks = Pick<
  ServerOptions<Record<string, unknown>, Extra>,
  'onConnect' | 'onSubscribe' | 'execute' | 'subscribe' | 'onNext' | 'onError' | 'onComplete' | 'onClose'
>

/** What happens to the operations on sockets: the same as to those over HTTP. */
export const createSocketOperations = (
  options: SocketOperationsOptions,
): { readonly hooks: Hooks; drain(): Promise<void> } => {
  const { schema, tokens, formatError, createContext, broadcasts, connections, deadlines } = options
  const { operationsPerSocketMax, safelist, requestMetrics, tracing = NO_TRACING } = options
  const enter = (context: SocketContext, cost: number): Entered => {
    const { connectionParams, extra } = context
    const origin = { address: extra.origin.address, apiKey: apiKeyOf(context) }
    return options.admission.enterFrom(origin, 'websocket', authorizationOf(connectionParams), cost)
  }
  const operationOf = createDocuments(options)
  const format = (result: ExecutionResult) => withErrors(result, (error) => formatError(error))
  const formatOf = ({ extensions }: SubscribePayload, args?: ExecutionArgs) => {
    // What is executed for nobody in particular has none.
    const { trace } = (args?.contextValue ?? {}) as Partial<GraphqlContext>
    return (error: unknown) => formatError(error, { traceParent: textOf(extensions?.traceparent), trace })
  }
  const shared = createSharedSubscriptions({ schema, broadcasts, createContext, format })
  const executing = new Set<Set<string>>()
  const idle: (() => void)[] = []

  const finish = (own: Set<string>, id: string): void => {
    own.delete(id)
    if (own.size > 0) return
    executing.delete(own)
    if (executing.size === 0) for (const resolve of idle.splice(0)) resolve()
  }

  /** A document that is refused costs one request: it had to be read. */
  const readOperation = (context: SocketContext, payload: SubscribePayload) => {
    try {
      refuseUnknownFields(payload)
      return operationOf(payload)
    } catch (error) {
      const entered = enter(context, 1)
      // What its quota says of it makes no difference.
      if (entered instanceof Promise) entered.catch(() => undefined)
      throw error
    }
  }

  const prepare = (
    context: SocketContext,
    id: string,
    payload: SubscribePayload,
  ): ExecutionArgs | Promise<ExecutionArgs> => {
    if (Object.keys(context.subscriptions).length > operationsPerSocketMax)
      throw new VotestreamError('RATE_LIMITED')
    const operation = readOperation(context, payload)
    // A token is looked at for every operation: it may have expired since the socket was opened.
    const entered = enter(context, operation.cost)
    const argumentsFor = (caller: Caller | undefined): ExecutionArgs =>
      executionArgs(context, id, payload, operation, caller)
    return entered instanceof Promise ? entered.then(argumentsFor) : argumentsFor(entered)
  }

  const executionArgs = (
    context: SocketContext,
    id: string,
    payload: SubscribePayload,
    operation: CheckedOperation,
    caller: Caller | undefined,
  ): ExecutionArgs => {
    const { operationName = null } = payload
    const { document, definition } = operation
    const variables = payload.variables ?? {}
    const { coerced, errors } = getVariableValues(schema, definition.variableDefinitions ?? [], variables)
    if (errors) {
      throw new VotestreamError('INVALID_FIELDS', { fields: variableFaults(schema, definition, variables) })
    }
    const { connectionParams } = context
    const trace = beginSocketOperation(tracing, definition, {
      extensions: payload.extensions,
      connectionParams,
    })
    // What is followed goes on for as long as somebody looks: its span ends when it was let in.
    if (definition.operation === 'subscription') trace?.end()
    if (definition.operation === 'subscription' && operation.sharedText !== undefined) {
      const args: SharedArgs = {
        schema,
        document,
        operationName,
        contextValue: undefined,
        shared: { operation, operationName, variables, coerced, caller },
        viewer: context.extra.viewer(id),
      }
      return args
    }
    const { idempotencyKey, traceparent = connectionParams?.traceparent } = payload.extensions ?? {}
    const incoming: Omit<Incoming, 'deadline'> = {
      api: 'websocket',
      caller,
      apiKey: apiKeyOf(context),
      idempotencyKey: textOf(idempotencyKey),
      traceParent: textOf(traceparent),
      trace,
      address: () => context.extra.origin.address,
    }
    const args = { schema, document, operationName, variableValues: variables }
    if (definition.operation === 'subscription') {
      return { ...args, contextValue: createContext({ ...incoming, deadline: undefined }) }
    }
    context.extra.executing.add(id)
    executing.add(context.extra.executing)
    const { deadline, expired } = begin()
    const timed: TimedArgs = {
      ...args,
      contextValue: createContext({ ...incoming, deadline }),
      deadline,
      expired,
      trace,
    }
    return timed
  }

  const begin = (): Pick<TimedArgs, 'deadline' | 'expired'> => {
    let expire: (result: ExecutionResult) => void = () => undefined
    const expired = new Promise<ExecutionResult>((resolve) => {
      expire = resolve
    })
    const late = asGraphqlError(new VotestreamError('TIMEOUT'))
    return { deadline: deadlines.begin(() => expire({ errors: [late] })), expired }
  }

  return {
    hooks: {
      onConnect({ connectionParams, extra }) {
        try {
          const caller = callerOf(tokens, connectionParams)
          if (!caller) return true
          const { userId } = caller
          const leave = userId === undefined ? () => undefined : connections.users.enter(userId)
          if (!leave) {
            extra.close(CloseCode.TooManyInitialisationRequests, 'Too many sockets of this user')
            return true
          }
          const unwatch = watchExpiry(expiryOf(options, caller, extra))
          extra.forget = () => {
            unwatch()
            leave()
          }
          return true
        } catch {
          // Closes the socket with 4403.
          return false
        }
      },
      onSubscribe(context, id, payload) {
        const refuse = (error: unknown) => [error instanceof GraphQLError ? error : asGraphqlError(error)]
        try {
          const prepared = prepare(context, id, payload)
          return prepared instanceof Promise ? prepared.catch(refuse) : prepared
        } catch (error) {
          return refuse(error)
        }
      },
      // Only what is followed is not timed, and that is not executed here.
      execute: (args) => executeInTime(args as TimedArgs),
      subscribe(args) {
        const followed = isShared(args) ? shared.join(args.shared, args.viewer) : subscribe(args)
        return untilRemoved(safelist, args.document, followed)
      },
      onNext(_context, _id, payload, args, result) {
        if (isTimed(args)) acknowledgeVotes(args, requestMetrics)
        return withErrors(result, formatOf(payload, args))
      },
      onError: (_context, _id, payload, errors) => errors.map(formatOf(payload)),
      onComplete: ({ extra }, id) => finish(extra.executing, id),
      onClose({ extra }) {
        extra.forget?.()
        for (const id of [...extra.executing]) finish(extra.executing, id)
      },
    },
    drain: () =>
      new Promise((resolve) => {
        if (executing.size === 0) resolve()
        else idle.push(resolve)
      }),
  }
}

const isShared = (args: ExecutionArgs): args is SharedArgs => 'shared' in args

/** What is followed would otherwise go on for as long as the socket is open. */
const expiryOf = (
  { tokens, expiryGraceMs }: SocketOperationsOptions,
  caller: Caller,
  { executing, close }: Extra,
): TokenExpiryOptions => ({
  expiresAtMs: caller.expiresAtMs,
  graceMs: expiryGraceMs,
  valid: () => tokens.stillValid(caller),
  onRevocation: tokens.onRevocation,
  busy: () => executing.size > 0,
  onExpired: () => close(CloseCode.Forbidden, 'Forbidden'),
})
