import { VotestreamError } from '@votestream/schema/errors'
import {
  type DocumentNode,
  type ExecutionArgs,
  type FormattedExecutionResult,
  GraphQLError,
  type GraphQLFormattedError,
  type GraphQLSchema,
  getOperationAST,
  getVariableValues,
  NoSchemaIntrospectionCustomRule,
  parse,
  specifiedRules,
  validate,
} from 'graphql'
import type { Context, ServerOptions, SubscribePayload } from 'graphql-ws'
import { LRUCache } from 'lru-cache'
import { bearerToken } from '../bearer-token.js'
import type { Caller } from '../caller.js'
import type { Tokens } from '../tokens.js'
import type { GraphqlContext, Incoming } from './context.js'
import { documentLimits, TOKENS_MAX } from './document-limits.js'
import { type TokenExpiryOptions, watchExpiry } from './token-expiry.js'
import { variableFaults } from './variable-faults.js'

export interface SocketOperationsOptions {
  readonly schema: GraphQLSchema
  readonly introspection: boolean
  readonly tokens: Pick<Tokens, 'verify'>
  readonly formatError: (error: unknown) => GraphQLFormattedError
  readonly createContext: (incoming: Incoming) => GraphqlContext
}

/** Of one socket. */
interface Extra extends Record<PropertyKey, unknown> {
  /** The queries and mutations that have no answer yet. */
  readonly executing: Set<string>
  /** Closes the socket as one whose token is not accepted. */
  readonly forbid: () => void
  /** Stops waiting for the token to expire. */
  unwatch?: () => void
}

type SocketContext = Context<Record<string, unknown>, Extra>
type Hooks = Pick<
  ServerOptions<Record<string, unknown>, Extra>,
  'onConnect' | 'onSubscribe' | 'onNext' | 'onError' | 'onComplete' | 'onClose'
>

/** Operations of one socket at once. */
const OPERATIONS_MAX = 100
/** Documents that are remembered as parsed and valid, and their characters together. */
const DOCUMENTS_MAX = 1_000
const DOCUMENT_CHARACTERS_MAX = 4 * 1024 * 1024

/** What happens to the operations on sockets: the same as to those over HTTP. */
export const createSocketOperations = (
  options: SocketOperationsOptions,
): { readonly hooks: Hooks; drain(): Promise<void> } => {
  const { schema, tokens, formatError, createContext } = options
  const check = createDocumentCheck(options)
  const executing = new Set<Set<string>>()
  const idle: (() => void)[] = []

  const finish = (own: Set<string>, id: string): void => {
    own.delete(id)
    if (own.size > 0) return
    executing.delete(own)
    if (executing.size === 0) for (const resolve of idle.splice(0)) resolve()
  }

  const prepare = (context: SocketContext, id: string, payload: SubscribePayload): ExecutionArgs => {
    if (Object.keys(context.subscriptions).length > OPERATIONS_MAX) throw new VotestreamError('RATE_LIMITED')
    const document = check(payload.query)
    const operation = getOperationAST(document, payload.operationName)
    if (!operation) throw documentError('OPERATION_RESOLUTION_FAILURE', 'The operation to run is not clear.')
    const variables = payload.variables ?? {}
    const { errors } = getVariableValues(schema, operation.variableDefinitions ?? [], variables)
    if (errors) {
      throw new VotestreamError('INVALID_FIELDS', { fields: variableFaults(schema, operation, variables) })
    }
    // A token is looked at for every operation: it may have expired since the socket was opened.
    const caller = callerOf(tokens, context.connectionParams)
    const { idempotencyKey, traceparent } = payload.extensions ?? {}
    const contextValue = createContext({
      caller,
      idempotencyKey: textOf(idempotencyKey),
      traceParent: textOf(traceparent),
    })
    if (operation.operation !== 'subscription') {
      context.extra.executing.add(id)
      executing.add(context.extra.executing)
    }
    return {
      schema,
      document,
      operationName: payload.operationName ?? null,
      variableValues: variables,
      contextValue,
    }
  }

  return {
    hooks: {
      onConnect({ connectionParams, extra }) {
        try {
          const caller = callerOf(tokens, connectionParams)
          if (caller) extra.unwatch = watchExpiry(expiryOf(tokens, caller, connectionParams, extra))
          return true
        } catch {
          // Closes the socket with 4403.
          return false
        }
      },
      onSubscribe(context, id, payload) {
        try {
          return prepare(context, id, payload)
        } catch (error) {
          return [error instanceof GraphQLError ? error : asGraphqlError(error)]
        }
      },
      onNext: (_context, _id, _payload, _args, result) => withErrors(result, formatError),
      onError: (_context, _id, _payload, errors) => errors.map(formatError),
      onComplete: ({ extra }, id) => finish(extra.executing, id),
      onClose({ extra }) {
        extra.unwatch?.()
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

/** What is followed would otherwise go on for as long as the socket is open. */
const expiryOf = (
  tokens: SocketOperationsOptions['tokens'],
  { expiresAtMs }: Caller,
  parameters: SocketContext['connectionParams'],
  { executing, forbid }: Extra,
): TokenExpiryOptions => ({
  expiresAtMs,
  valid() {
    try {
      return callerOf(tokens, parameters) !== undefined
    } catch {
      return false
    }
  },
  busy: () => executing.size > 0,
  onExpired: forbid,
})

const withErrors = (
  { errors, ...rest }: { readonly errors?: readonly GraphQLError[] | undefined; readonly data?: unknown },
  formatError: SocketOperationsOptions['formatError'],
): FormattedExecutionResult =>
  // What was executed is an object or null.
  ({ ...rest, ...(errors ? { errors: errors.map(formatError) } : {}) }) as FormattedExecutionResult

/** Parses and validates a document once, however many sockets send it. */
const createDocumentCheck = ({
  schema,
  introspection,
}: Pick<SocketOperationsOptions, 'schema' | 'introspection'>): ((query: string) => DocumentNode) => {
  const rules = [
    ...specifiedRules,
    documentLimits,
    ...(introspection ? [] : [NoSchemaIntrospectionCustomRule]),
  ]
  const documents = new LRUCache<string, DocumentNode>({
    max: DOCUMENTS_MAX,
    maxSize: DOCUMENT_CHARACTERS_MAX,
    sizeCalculation: (_document, query) => Math.max(1, query.length),
  })
  return (query) => {
    const known = documents.get(query)
    if (known) return known
    const document = parseDocument(query)
    const [fault] = validate(schema, document, rules)
    if (fault) throw documentError('GRAPHQL_VALIDATION_FAILED', fault.message, fault)
    documents.set(query, document)
    return document
  }
}

const parseDocument = (query: string): DocumentNode => {
  try {
    return parse(query, { maxTokens: TOKENS_MAX })
  } catch (error) {
    // The parser calls itself for each level.
    if (error instanceof RangeError) throw documentError('GRAPHQL_PARSE_FAILED', 'The document is too deep.')
    if (!(error instanceof GraphQLError)) throw error
    throw documentError('GRAPHQL_PARSE_FAILED', error.message, error)
  }
}

const documentError = (code: string, message: string, fault?: GraphQLError): GraphQLError => {
  const { source, positions } = fault ?? {}
  return new GraphQLError(message, {
    source: source ?? null,
    positions: positions ?? null,
    extensions: { code },
  })
}

const asGraphqlError = (error: unknown): GraphQLError => {
  const originalError = error instanceof Error ? error : new Error('not an error', { cause: error })
  return new GraphQLError(originalError.message, { originalError })
}

/** Undefined where the client sent no token when it connected. @throws VotestreamError UNAUTHENTICATED */
const callerOf = (
  tokens: SocketOperationsOptions['tokens'],
  parameters: Readonly<Record<string, unknown>> | undefined,
): Caller | undefined => {
  const authorization = parameters?.Authorization ?? parameters?.authorization
  return authorization == null ? undefined : tokens.verify(bearerToken(authorization))
}

/** What is no text is not taken for the absence of one. */
const textOf = (value: unknown): string | undefined => (value == null ? undefined : String(value))
