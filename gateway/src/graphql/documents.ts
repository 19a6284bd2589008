import { normalizedText } from '@votestream/schema/operation-text'
import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  Kind,
  NoSchemaIntrospectionCustomRule,
  type OperationDefinitionNode,
  parse,
  separateOperations,
  specifiedRules,
  TypeInfo,
  visit,
  visitWithTypeInfo,
} from 'graphql'
import { LRUCache } from 'lru-cache'
import { type DocumentLimits, limitDocuments } from './document-limits.js'
import { shapeFault } from './document-shape.js'
import { operationCost } from './operation-cost.js'
import { isPerViewer } from './per-viewer.js'
import { type Asked, registeredText, type Safelist } from './safelist.js'
import { validationFaults } from './validation-faults.js'

/** An operation of a valid document. */
export interface CheckedOperation {
  readonly document: DocumentNode
  readonly definition: OperationDefinitionNode
  /** In requests. */
  readonly cost: number
  /**
   * The operation without anything that does not belong to it, the same however it was written. Undefined where its
   * answer is not the same for every viewer of a role.
   */
  readonly sharedText: string | undefined
}

interface DocumentsOptions {
  readonly schema: GraphQLSchema
  readonly introspection: boolean
  readonly documentLimits: DocumentLimits
  /** Undefined: any operation runs. */
  readonly safelist?: Safelist | undefined
}

/** As it comes over a socket. */
export interface AskedOperation extends Asked {
  readonly query: string
  readonly operationName?: string | null | undefined
}

/** Documents that are remembered as parsed and valid, and their characters together. */
const DOCUMENTS_MAX = 1_000
const DOCUMENT_CHARACTERS_MAX = 4 * 1024 * 1024

/**
 * Parses and validates a document once, however many clients send it.
 * @throws GraphQLError with a code, VotestreamError OPERATION_NOT_REGISTERED
 */
export const createDocuments = ({
  schema,
  introspection,
  documentLimits,
  safelist,
}: DocumentsOptions): ((asked: AskedOperation) => CheckedOperation) => {
  const rules = [
    ...specifiedRules,
    limitDocuments(documentLimits),
    ...(introspection ? [] : [NoSchemaIntrospectionCustomRule]),
  ]
  const known = new LRUCache<string, { document: DocumentNode; operations: Map<string, CheckedOperation> }>({
    max: DOCUMENTS_MAX,
    maxSize: DOCUMENT_CHARACTERS_MAX,
    sizeCalculation: (_document, query) => Math.max(1, query.length),
  })

  const checked = (query: string) => {
    const found = known.get(query)
    if (found) return found
    const document = parseDocument(query, documentLimits)
    const [fault] = validationFaults(schema, document, rules)
    if (fault) throw documentError('GRAPHQL_VALIDATION_FAILED', fault.message, fault)
    const entry = { document, operations: new Map<string, CheckedOperation>() }
    known.set(query, entry)
    return entry
  }

  return (asked) => {
    const { operationName } = asked
    const { document, operations } = checked(safelist ? registeredText(safelist, asked) : asked.query)
    const found = operations.get(operationName ?? '')
    if (found) return found
    const definition = getOperationAST(document, operationName)
    if (!definition) throw documentError('OPERATION_RESOLUTION_FAILURE', 'The operation to run is not clear.')
    const operation = {
      document,
      definition,
      cost: operationCost(document, operationName),
      sharedText: sharedText(schema, document, definition),
    }
    operations.set(operationName ?? '', operation)
    return operation
  }
}

const sharedText = (
  schema: GraphQLSchema,
  document: DocumentNode,
  definition: OperationDefinitionNode,
): string | undefined => {
  const own = separateOperations(document)[definition.name?.value ?? '']
  if (!own) return undefined
  const types = new TypeInfo(schema)
  let shared = true
  const look = {
    [Kind.FIELD]: () => {
      if (isPerViewer(types.getFieldDef())) shared = false
    },
  }
  visit(own, visitWithTypeInfo(types, look))
  return shared ? normalizedText(own) : undefined
}

const parseDocument = (query: string, { tokensMax }: DocumentLimits): DocumentNode => {
  const fault = shapeFault(query, tokensMax)
  if (fault !== undefined) throw documentError('GRAPHQL_PARSE_FAILED', fault)
  try {
    return parse(query, { maxTokens: tokensMax })
  } catch (error) {
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
