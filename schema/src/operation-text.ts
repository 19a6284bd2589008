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
export const operationTexts = (document: DocumentNode): readonly OperationText[] => [
  ...eachOperationText(document),
]

/** The same, each made when it is asked for: whoever stops at one has not paid for those behind it. */
export function* eachOperationText(document: DocumentNode): Generator<OperationText> {
  const operations = document.definitions.filter(isOperation)
  const fragments = document.definitions.filter(isFragment)
  const names = new Set(operations.map(({ name }) => name?.value ?? ''))
  if (names.size !== operations.length) return
  for (const operation of operations) {
    const name = operation.name?.value ?? null
    // By itself: all at once would take as many steps as there are operations times fragments.
    const own = separateOperations({ ...document, definitions: [operation, ...fragments] })[name ?? '']
    if (!own) continue
    const text = normalizedText(own)
    yield { id: textHash(text), name, type: operation.operation, text }
  }
}

const isFragment = (definition: DocumentNode['definitions'][number]): definition is FragmentDefinitionNode =>
  definition.kind === Kind.FRAGMENT_DEFINITION

const isOperation = (
  definition: DocumentNode['definitions'][number],
): definition is OperationDefinitionNode => definition.kind === Kind.OPERATION_DEFINITION
