import { type DocumentFault, judgeDocument } from '@votestream/gateway/document-faults'
import { type OperationText, operationTexts, textHash } from '@votestream/schema/operation-text'
import { isTextHash, OPERATION_BYTES_MAX } from '@votestream/schema/registered-operation'
import type { GraphQLSchema } from 'graphql'

/** A file, or standard input, with what stands in it. */
export interface DocumentFile {
  /** As people know it. */
  readonly name: string
  readonly text: string
}

/** An operation that may be registered. */
export interface Registrable {
  readonly operation: OperationText
  /** Of the text that it stands in alone; none where others stand beside it, since the hash would name them, too. */
  readonly hashes: readonly string[]
}

export interface ReadFiles {
  readonly registrable: readonly Registrable[]
  /** Sentences that begin with the file: where there is one, nothing is to be registered. */
  readonly faults: readonly string[]
}

/** The operations of documents of GraphQL, and of manifests as Apollo's tools write them. */
export const readFiles = (schema: GraphQLSchema, files: readonly DocumentFile[]): ReadFiles => {
  const read = files.map((file) => readFile(schema, file))
  const all = read.flatMap(({ registrable }) => registrable)
  const faults = read.flatMap((each) => each.faults)
  return { registrable: merged(all), faults }
}

const readFile = (schema: GraphQLSchema, { name, text }: DocumentFile): ReadFiles => {
  const json = jsonOf(text)
  if (json === undefined) return readDocument(schema, name, text)
  const { format, version, operations } = (json ?? {}) as Record<string, unknown>
  if (format !== MANIFEST_FORMAT || version !== 1 || !Array.isArray(operations))
    return fault(`${name}: is neither a document of GraphQL nor a manifest (${MANIFEST_FORMAT}, version 1)`)
  const read = operations.map((entry: unknown, at) =>
    readEntry(schema, `${name}: operations[${at}]`, (entry ?? {}) as Record<string, unknown>),
  )
  if (read.length === 0) return fault(`${name}: holds no operation`)
  return {
    registrable: read.flatMap(({ registrable }) => registrable),
    faults: read.flatMap(({ faults }) => faults),
  }
}

const MANIFEST_FORMAT = 'apollo-persisted-query-manifest'

const readEntry = (
  schema: GraphQLSchema,
  place: string,
  { id, body }: Readonly<Record<string, unknown>>,
): ReadFiles => {
  if (typeof body !== 'string') return fault(`${place}: has no body`)
  // Clients send it as the hash of the text.
  if (!isTextHash(id) || id !== textHash(body))
    return fault(`${place}: its id is not the SHA-256 of its body`)
  const read = readDocument(schema, place, body)
  if (read.registrable.length > 1) return fault(`${place}: holds more than one operation`)
  return read
}

const readDocument = (schema: GraphQLSchema, name: string, text: string): ReadFiles => {
  const judged = judgeDocument(schema, text)
  if ('faults' in judged)
    return { registrable: [], faults: judged.faults.map((each) => sentence(name, each)) }
  const operations = operationTexts(judged.document)
  if (operations.length === 0) return fault(`${name}: holds no operation`)
  const faults = operations.flatMap((operation) => {
    const bytes = Buffer.byteLength(operation.text)
    const called = operation.name ?? 'an operation'
    return bytes > OPERATION_BYTES_MAX
      ? [`${name}: ${called} has ${bytes} bytes without blanks; ${OPERATION_BYTES_MAX} are allowed`]
      : []
  })
  const hashes = operations.length === 1 ? [textHash(text)] : []
  return { registrable: operations.map((operation) => ({ operation, hashes })), faults }
}

const fault = (words: string): ReadFiles => ({ registrable: [], faults: [words] })

const sentence = (name: string, { message, line, column }: DocumentFault): string =>
  line === undefined ? `${name}: ${message}` : `${name}:${line}:${column}: ${message}`

/** One of each operation, with the hashes of all its texts. */
const merged = (all: readonly Registrable[]): readonly Registrable[] => {
  const byId = new Map<string, Registrable>()
  for (const { operation, hashes } of all) {
    const before = byId.get(operation.id)?.hashes ?? []
    byId.set(operation.id, { operation, hashes: [...new Set([...before, ...hashes])] })
  }
  return [...byId.values()]
}

/** No document of GraphQL is JSON. */
const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
