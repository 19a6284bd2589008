import { GraphQLError, Kind, type SelectionSetNode, type ValidationRule } from 'graphql'

/** Deeper than any question that the schema can answer, and than an introspection query. */
const DEPTH_MAX = 20
/** Fields that one operation may name, those of fragments counted wherever they are used. */
const FIELDS_MAX = 1_000
/** Words and signs in a document: an event of 500 contestants, written out, has fewer. */
export const TOKENS_MAX = 12_000
/** Characters of a document. */
export const DOCUMENT_LENGTH_MAX = 2 * 1024 * 1024

/** Refuses operations that ask for too much. The walk itself ends as soon as a limit is passed. */
export const documentLimits: ValidationRule = (context) => ({
  OperationDefinition(operation) {
    let fields = 0
    const within = (
      selections: SelectionSetNode | undefined,
      depth: number,
      open: readonly string[],
    ): boolean => {
      if (!selections) return true
      if (depth > DEPTH_MAX) return false
      return selections.selections.every((selection) => {
        if (selection.kind === Kind.FRAGMENT_SPREAD) {
          const name = selection.name.value
          // A fragment within itself is refused by another rule.
          if (open.includes(name)) return true
          fields += 1
          return (
            fields <= FIELDS_MAX && within(context.getFragment(name)?.selectionSet, depth, [...open, name])
          )
        }
        fields += 1
        const deeper = selection.kind === Kind.FIELD ? depth + 1 : depth
        return fields <= FIELDS_MAX && within(selection.selectionSet, deeper, open)
      })
    }
    if (within(operation.selectionSet, 1, [])) return
    context.reportError(
      new GraphQLError(`An operation may have ${FIELDS_MAX} fields, ${DEPTH_MAX} deep.`, {
        nodes: operation,
      }),
    )
  },
})
