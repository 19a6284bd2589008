import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  Kind,
  parse,
  type SelectionSetNode,
  type ValidationRule,
  validate,
} from 'graphql'

/**
 * A subscription follows one field, whatever its variables say: the specification (of September 2025, 5.2.4.1) allows neither
 * `@skip` nor `@include` where that field stands. The library's own rule does not know that yet. It throws where a variable
 * decides, and where a constant leaves the field out, the library fails once it is to follow nothing.
 */
export const unconditionalSubscriptions: ValidationRule = (context) => ({
  OperationDefinition(operation) {
    if (operation.operation !== 'subscription') return
    const open = [operation.selectionSet]
    const seen = new Set<SelectionSetNode | undefined>()
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      if (seen.has(at)) continue
      seen.add(at)
      for (const selection of at.selections) {
        const condition = selection.directives?.find(({ name }) => CONDITIONS.has(name.value))
        if (condition) {
          context.reportError(new GraphQLError(CONDITIONAL, { nodes: condition }))
          return
        }
        if (selection.kind === Kind.INLINE_FRAGMENT) open.push(selection.selectionSet)
        if (selection.kind === Kind.FRAGMENT_SPREAD) {
          const fragment = context.getFragment(selection.name.value)
          if (fragment) open.push(fragment.selectionSet)
        }
      }
    }
  },
})

const CONDITIONS: ReadonlySet<string> = new Set(['skip', 'include'])
const CONDITIONAL = 'The field that a subscription follows may have neither @skip nor @include.'

/** What is wrong with a document. Our rule comes first: behind it, the library's rules throw nothing. */
export const validationFaults = (
  schema: GraphQLSchema,
  document: DocumentNode,
  rules: readonly ValidationRule[],
): readonly GraphQLError[] => {
  const conditional = validate(schema, document, [unconditionalSubscriptions])
  return conditional.length > 0 ? conditional : validate(schema, document, rules)
}

/** The same of a text whose validation is the library's own affair. @param tokensMax of the text; a longer one has none */
export const subscriptionFault = (
  schema: GraphQLSchema,
  query: string,
  tokensMax: number,
): GraphQLError | undefined => {
  // Few texts have both words, so that few are parsed twice; between a sign and its word there may be blanks and comments.
  if (!query.includes('subscription') || !/skip|include/.test(query)) return undefined
  try {
    const document = parse(query, { maxTokens: tokensMax })
    return validate(schema, document, [unconditionalSubscriptions])[0]
  } catch {
    // What cannot be parsed, the library says best.
    return undefined
  }
}
