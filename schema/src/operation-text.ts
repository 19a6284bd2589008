import { hash } from 'node:crypto'
import {
  type DocumentNode,
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  print,
  separateOperations,
  stripIgnoredCharacters,
} from 'graphql'

/** An operation of GraphQL with the fragments that it uses, and nothing else of the document that it stood in. */
export interface OperationText {
  /** Of its text. */
  readonly id: string
  readonly name: string | null
  readonly type: 'query' | 'mutation' | 'subscription'
  /** The same however the operation was written. */
  readonly text: string
}

/** SHA-256 of a text in UTF-8, in 64 hexadecimal digits: how Apollo's clients name a text that they do not send. */
export const textHash = (text: string): string => hash('sha256', text, 'hex')

/**
 * The one text of a document with one operation: blanks, commas and comments do not count, and neither does the order in
 * which its fragments stand.
 */
export const normalizedText = (own: DocumentNode): string => {
  const fragments = own.definitions.filter(isFragment)
  const others = own.definitions.filter((definition) => !isFragment(definition))
  fragments.sort((a, b) => (a.name.value < b.name.value ? -1 : 1))
  return stripIgnoredCharacters(print({ ...own, definitions: [...others, ...fragments] }))
}

/** The operations of a document, each by itself. None of one in which two have one name: nobody can tell them apart. */
export const operationTexts = (document: DocumentNode): readonly OperationText[] => {
  const definitions = document.definitions.filter(isOperation)
  const names = new Set(definitions.map(({ name }) => name?.value ?? ''))
  if (names.size !== definitions.length) return []
  const separated = separateOperations(document)
  return definitions.flatMap(({ name, operation: type }) => {
    const own = separated[name?.value ?? '']
    if (!own) return []
    const text = normalizedText(own)
    return [{ id: textHash(text), name: name?.value ?? null, type, text }]
  })
}

const isFragment = (definition: DocumentNode['definitions'][number]): definition is FragmentDefinitionNode =>
  definition.kind === Kind.FRAGMENT_DEFINITION

const isOperation = (
  definition: DocumentNode['definitions'][number],
): definition is OperationDefinitionNode => definition.kind === Kind.OPERATION_DEFINITION
