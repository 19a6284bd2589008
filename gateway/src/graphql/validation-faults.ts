import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  parse,
  SingleFieldSubscriptionsRule,
  type ValidationRule,
  validate,
} from 'graphql'
import { TOKENS_MAX } from './document-limits.js'

/**
 * What is wrong with a document. The library's rule for subscriptions throws what it should report, where a variable
 * decides whether the field is left out: it looks for the variable's value, and while validating there is none.
 */
export const validationFaults = (
  schema: GraphQLSchema,
  document: DocumentNode,
  rules: readonly ValidationRule[],
): readonly GraphQLError[] => {
  try {
    return validate(schema, document, rules)
  } catch (error) {
    if (error instanceof GraphQLError) return [error]
    throw error
  }
}

/** Few documents have both, so that few are looked at twice. */
const CONDITIONAL_SUBSCRIPTION = /subscription[\s\S]*@(?:skip|include)/

/** The same of a text whose validation is the library's own affair; nothing where the library can be trusted with it. */
export const subscriptionFault = (schema: GraphQLSchema, query: unknown): GraphQLError | undefined => {
  if (typeof query !== 'string' || !CONDITIONAL_SUBSCRIPTION.test(query)) return undefined
  try {
    const document = parse(query, { maxTokens: TOKENS_MAX })
    return validationFaults(schema, document, [SingleFieldSubscriptionsRule])[0]
  } catch {
    // What cannot be parsed, the library says best.
    return undefined
  }
}
