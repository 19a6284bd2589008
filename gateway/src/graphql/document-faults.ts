import { type DocumentNode, GraphQLError, type GraphQLSchema, parse, specifiedRules } from 'graphql'
import { DOCUMENT_LIMITS, limitDocuments } from './document-limits.js'
import { shapeFault } from './document-shape.js'
import { validationFaults } from './validation-faults.js'

/** A document that may run by the schema and the limits of this gateway, or what is wrong with it. */
export type Judged = { readonly document: DocumentNode } | { readonly faults: readonly DocumentFault[] }

export interface DocumentFault {
  readonly message: string
  /** Both from 1; missing where the fault has no place. */
  readonly line?: number
  readonly column?: number
}

/** Judges a document before anybody sends it, by the limits that a gateway has where nothing else is set. */
export const judgeDocument = (schema: GraphQLSchema, text: string): Judged => {
  const shape = shapeFault(text, DOCUMENT_LIMITS.tokensMax)
  if (shape !== undefined) return { faults: [{ message: shape }] }
  try {
    const document = parse(text, { maxTokens: DOCUMENT_LIMITS.tokensMax })
    const errors = validationFaults(schema, document, [...specifiedRules, limitDocuments(DOCUMENT_LIMITS)])
    return errors.length === 0 ? { document } : { faults: errors.map(faultOf) }
  } catch (error) {
    if (error instanceof GraphQLError) return { faults: [faultOf(error)] }
    throw error
  }
}

const faultOf = ({ message, locations }: GraphQLError): DocumentFault => ({ message, ...locations?.[0] })
