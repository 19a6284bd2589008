import { type DocumentNode, getOperationAST, Kind, type SelectionSetNode } from 'graphql'

/**
 * What an operation of a valid document counts for, in requests: a mutation as many as it has mutations, those of fragments
 * counted wherever they are used, under whatever names; everything else one. `@skip` and `@include` change nothing.
 */
export const operationCost = (document: DocumentNode, operationName: string | null | undefined): number => {
  const operation = getOperationAST(document, operationName)
  if (operation?.operation !== 'mutation') return 1
  const fragments = new Map<string, SelectionSetNode>()
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION)
      fragments.set(definition.name.value, definition.selectionSet)
  }
  // A valid document has no fragment within itself, and no more fields than `document-limits` lets through.
  const fieldsOf = ({ selections }: SelectionSetNode): number =>
    selections.reduce((count, selection) => {
      if (selection.kind === Kind.FIELD) return count + 1
      if (selection.kind === Kind.INLINE_FRAGMENT) return count + fieldsOf(selection.selectionSet)
      const spread = fragments.get(selection.name.value)
      return count + (spread ? fieldsOf(spread) : 0)
    }, 0)
  return Math.max(1, fieldsOf(operation.selectionSet))
}
