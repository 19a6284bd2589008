import {
  type DocumentNode,
  type ExecutionResult,
  execute,
  type GraphQLSchema,
  getOperationAST,
} from 'graphql'
import { LRUCache } from 'lru-cache'
import type { Traced } from '../request-trace.js'
import type { GraphqlContext } from './context.js'
import { errorCodeOf, type FormatError } from './graphql-errors.js'
import { operationCost } from './operation-cost.js'
import { beginOperation, endOperation } from './operation-traces.js'

/** An operation as it came over HTTP, in the form in which nearly every client sends it. */
export interface PlainOperation {
  readonly query: string
  readonly operationName: string | undefined
  readonly variables: Readonly<Record<string, unknown>>
}

/** Operations that the server's library has read and found valid, executed without it from then on. */
export interface KnownOperations {
  /** To be told of every operation that the library is about to execute. */
  learn(query: string, operationName: string | undefined, document: DocumentNode): void
  /** In requests; undefined for one that is not known. */
  costOf(operation: PlainOperation): number | undefined
  /**
   * @returns its answer as JSON; undefined: it is the library's, and nothing was executed.
   * @throws what the context throws.
   */
  answer(operation: PlainOperation, context: () => GraphqlContext): Promise<string> | undefined
}

interface KnownOperationsOptions {
  readonly schema: GraphQLSchema
  readonly formatError: FormatError
}

/** Operations that are remembered, and their characters together. */
const OPERATIONS_MAX = 1_000
const CHARACTERS_MAX = 4 * 1024 * 1024

export const createKnownOperations = ({ schema, formatError }: KnownOperationsOptions): KnownOperations => {
  const known = new LRUCache<string, { readonly document: DocumentNode; readonly cost: number }>({
    max: OPERATIONS_MAX,
    maxSize: CHARACTERS_MAX,
    sizeCalculation: (_operation, key) => key.length,
  })
  const textOf = ({ data, errors }: ExecutionResult, traced: Traced): string => {
    const told = errors?.map((error) => formatError(error, traced))
    return `${JSON.stringify({ ...(told ? { errors: told } : {}), data })}\n`
  }

  return {
    learn(query, operationName, document) {
      const cost = operationCost(document, operationName)
      known.set(keyOf(query, operationName), { document, cost })
    },
    costOf: ({ query, operationName }) => known.get(keyOf(query, operationName))?.cost,
    answer({ query, operationName, variables }, context) {
      const document = known.get(keyOf(query, operationName))?.document
      if (!document) return undefined
      const contextValue = context()
      const span =
        contextValue.trace && beginOperation(contextValue, getOperationAST(document, operationName))
      const result = execute({
        schema,
        document,
        operationName: operationName ?? null,
        variableValues: variables,
        contextValue,
      })
      // Without data nothing was executed: variables are wrong, and the library says best how.
      if (!(result instanceof Promise)) {
        if (!('data' in result)) return undefined
        if (span) endOperation(span, errorCodeOf(result.errors?.[0]))
        return Promise.resolve(textOf(result, contextValue))
      }
      if (!span) return result.then((executed) => textOf(executed, contextValue))
      return result.then((executed) => {
        endOperation(span, errorCodeOf(executed.errors?.[0]))
        return textOf(executed, contextValue)
      })
    },
  }
}

/** No text stands for two operations: a name has no blank. */
const keyOf = (query: string, operationName = ''): string => `${operationName} ${query}`

const PLAIN_FIELDS = new Set(['query', 'operationName', 'variables'])

/** Undefined for a body that says more than that, or says it in another way. */
export const plainOperationOf = (body: unknown): PlainOperation | undefined => {
  if (typeof body !== 'object' || body === null) return undefined
  for (const field in body) if (!PLAIN_FIELDS.has(field)) return undefined
  const { query, operationName, variables } = body as Partial<Record<keyof PlainOperation, unknown>>
  if (typeof query !== 'string') return undefined
  if (operationName !== undefined && operationName !== null && typeof operationName !== 'string')
    return undefined
  if (variables !== undefined && (typeof variables !== 'object' || Array.isArray(variables))) return undefined
  // null stands for nothing, as it does for the library.
  return {
    query,
    operationName: operationName ?? undefined,
    variables: (variables ?? {}) as PlainOperation['variables'],
  }
}
