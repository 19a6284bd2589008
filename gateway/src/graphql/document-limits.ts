import {
  type FieldNode,
  type GraphQLCompositeType,
  GraphQLError,
  getNamedType,
  isCompositeType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
  type ValidationContext,
  type ValidationRule,
} from 'graphql'
import { LIST_FACTOR, listFactor, weightOf } from './field-weights.js'

/** What one document may ask for. */
export interface DocumentLimits {
  /** Levels of fields. */
  readonly depthMax: number
  /** Fields that one operation may name, those of fragments counted wherever they are used. */
  readonly fieldsMax: number
  /** Names that fields are given. */
  readonly aliasesMax: number
  readonly directivesMax: number
  /** What an answer may hold by the weights of its fields, lists multiplied. */
  readonly costMax: number
  /** Words and signs in a document. */
  readonly tokensMax: number
}

export const DOCUMENT_LIMITS: DocumentLimits = {
  // Deeper than any question that the schema can answer, and than an introspection query.
  depthMax: 20,
  fieldsMax: 1_000,
  // As many votes in one document as a load tool sends.
  aliasesMax: 200,
  directivesMax: 50,
  // A page of 100 events with all they have.
  costMax: 50_000,
  // An event of 500 contestants, written out, has fewer.
  tokensMax: 9_000,
}

/** Characters of a document. */
export const DOCUMENT_LENGTH_MAX = 2 * 1024 * 1024

/** Refuses operations that ask for too much, and says of what. The walk itself ends as soon as a limit is passed. */
export const limitDocuments =
  (limits: DocumentLimits): ValidationRule =>
  (context) => ({
    OperationDefinition(operation) {
      const fault = faultOf(context, operation, limits)
      if (fault !== undefined) context.reportError(new GraphQLError(fault, { nodes: operation }))
    },
  })

/** What is too much; thrown, since it ends a walk wherever it is. */
class TooMuch extends Error {}

const faultOf = (
  context: ValidationContext,
  operation: OperationDefinitionNode,
  limits: DocumentLimits,
): string | undefined => {
  const root = context.getSchema().getRootType(operation.operation)
  try {
    if (root) createWalk(context, limits)(operation.selectionSet, root, { depth: 1, times: 1, open: [] })
    return undefined
  } catch (error) {
    if (error instanceof TooMuch) return error.message
    throw error
  }
}

interface Place {
  readonly depth: number
  /** How often what is here may be in the answer. */
  readonly times: number
  /** The fragments that this is within. */
  readonly open: readonly string[]
}

const createWalk = (context: ValidationContext, limits: DocumentLimits) => {
  const { depthMax, fieldsMax, aliasesMax, directivesMax, costMax } = limits
  let fields = 0
  let aliases = 0
  let directives = 0
  let cost = 0

  const count = (selection: SelectionNode, { depth }: Place): void => {
    fields += 1
    directives += selection.directives?.length ?? 0
    if (selection.kind === Kind.FIELD && selection.alias) aliases += 1
    if (depth > depthMax) throw new TooMuch(`An operation may be ${depthMax} deep.`)
    if (fields > fieldsMax) throw new TooMuch(`An operation may have ${fieldsMax} fields.`)
    if (aliases > aliasesMax) throw new TooMuch(`An operation may have ${aliasesMax} aliases.`)
    if (directives > directivesMax) throw new TooMuch(`An operation may have ${directivesMax} directives.`)
  }

  const walkField = (field: FieldNode, type: GraphQLCompositeType, place: Place): void => {
    const found = 'getFields' in type ? type.getFields()[field.name.value] : undefined
    cost += place.times * weightOf(type.name, field.name.value)
    if (cost > costMax) throw new TooMuch(`An operation may cost ${costMax}: it asks for lists of lists.`)
    const of = found && getNamedType(found.type)
    if (!found || !isCompositeType(of)) {
      // A field that there is not is refused by another rule, whatever is asked of it.
      walk(field.selectionSet, type, { ...place, depth: place.depth + 1 })
      return
    }
    const own = isNonNullType(found.type) ? found.type.ofType : found.type
    // A page's own lists have as many as the page was asked for.
    const isPage = type.name.endsWith('Connection')
    const pageFactor = isObjectType(of) ? listFactor(field, found.args) : 1
    const factor = isListType(own) && !isPage ? LIST_FACTOR : pageFactor
    walk(field.selectionSet, of, { ...place, depth: place.depth + 1, times: place.times * factor })
  }

  const walk = (selections: SelectionSetNode | undefined, type: GraphQLCompositeType, place: Place): void => {
    for (const selection of selections?.selections ?? []) {
      count(selection, place)
      if (selection.kind === Kind.FIELD) walkField(selection, type, place)
      else if (selection.kind === Kind.INLINE_FRAGMENT) walk(selection.selectionSet, type, place)
      else {
        const name = selection.name.value
        // A fragment within itself is refused by another rule.
        if (place.open.includes(name)) continue
        const { open } = place
        walk(context.getFragment(name)?.selectionSet, type, { ...place, open: [...open, name] })
      }
    }
  }
  return walk
}
