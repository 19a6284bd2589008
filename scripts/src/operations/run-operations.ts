import { parseArgs } from 'node:util'
import type { OperationText } from '@votestream/schema/operation-text'
import type { RegisteredOperation } from '@votestream/schema/registered-operation'
import type { GraphQLSchema } from 'graphql'
import { table } from '../bench/table.js'
import { within } from '../within.js'
import type { OperationRegistry } from './operation-registry.js'
import { type DocumentFile, readFiles } from './registrable.js'

/** What the command needs of the world around it. */
export interface OperationsContext {
  /** Connects to the broker, which has that long to answer. */
  readonly registry: (waitMs: number) => Promise<OperationRegistry>
  readonly schema: () => Promise<GraphQLSchema>
  /** @param name `-`: standard input. @throws Error that names it. */
  readonly readFile: (name: string) => Promise<DocumentFile>
  /** Those that every gateway has registered by itself. */
  readonly builtIn: readonly OperationText[]
}

export const USAGE = `npm run -s operations -- register FILE…   registers each operation of documents (.graphql), or of manifests as
                                          Apollo's tools write them (.json); -: standard input
npm run -s operations -- list             all that are registered, those of the live page too
npm run -s operations -- remove ID…       within a second no gateway runs it any more; the first 8 digits are enough

  with each: --json for a program, --wait 30 for the broker to answer, in seconds

Gateways with GRAPHQL_SAFELIST=only run what is registered, and refuse everything else. A client sends the text, however it
is formatted, or in its place the SHA-256 of the text that was registered or the ID, as
extensions.persistedQuery {version: 1, sha256Hash}. Apollo Client adds __typename to what it sends: register the manifest
that its tools write, or a document with __typename in each selection. Where one document is wrong, nothing is registered.`

const WAIT_SECONDS = '10'
const ID_DIGITS_MIN = 8

interface Outcome {
  readonly json: unknown
  readonly text: string
}

/** What `npm run operations -- …` says. @throws Error with sentences for a person, a line each. */
export const runOperations = async (
  words: readonly string[],
  context: OperationsContext,
): Promise<string> => {
  const { values, positionals } = parseArgs({
    args: [...words],
    options: {
      json: { type: 'boolean' },
      help: { type: 'boolean' },
      wait: { type: 'string', default: WAIT_SECONDS },
    },
    allowPositionals: true,
  })
  if (values.help) return USAGE
  const waitMs = Number(values.wait) * 1000
  if (!(waitMs > 0)) throw new Error(`--wait ${values.wait}: must be a number of seconds`)
  const [command, ...names] = positionals
  const outcome = await outcomeOf(context, waitMs, command, names)
  return values.json ? JSON.stringify(outcome.json) : outcome.text
}

const outcomeOf = async (
  context: OperationsContext,
  waitMs: number,
  command: string | undefined,
  names: readonly string[],
): Promise<Outcome> => {
  const connected = async <Value>(ask: (registry: OperationRegistry) => Promise<Value>): Promise<Value> =>
    within(waitMs, 'NATS', ask(await context.registry(waitMs)))
  if (command === 'list' && names.length === 0)
    return connected(async (registry) => listed(await registry.list(), context.builtIn))
  if (command === 'register' && names.length > 0) return register(context, connected, names)
  if (command === 'remove' && names.length > 0)
    return connected((registry) => remove(registry, context.builtIn, names))
  throw new Error(USAGE)
}

const register = async (
  { schema, readFile }: OperationsContext,
  connected: <Value>(ask: (registry: OperationRegistry) => Promise<Value>) => Promise<Value>,
  names: readonly string[],
): Promise<Outcome> => {
  const files: DocumentFile[] = []
  for (const name of names) files.push(await readFile(name))
  const { registrable, faults } = readFiles(await schema(), files)
  if (faults.length > 0) throw new Error([...faults, 'Nothing was registered.'].join('\n'))
  const done = await connected((registry) => registry.register(registrable))
  const rows = done.map(({ record, isNew }) => [isNew ? 'registered' : 'was there', ...rowOf(record)])
  return {
    json: done.map(({ record, isNew }) => ({ ...jsonOf(record), new: isNew })),
    text: table(rows, 3),
  }
}

const remove = async (
  registry: OperationRegistry,
  builtIn: readonly OperationText[],
  given: readonly string[],
): Promise<Outcome> => {
  const records = await registry.list()
  // Each is looked for before any is removed.
  const ids = given.map((digits) => idOf(digits, records, builtIn))
  for (const id of ids) await registry.remove(id)
  return { json: { removed: ids }, text: ids.map((id) => `${id} was removed.`).join('\n') }
}

const idOf = (
  digits: string,
  records: readonly RegisteredOperation[],
  builtIn: readonly OperationText[],
): string => {
  if (digits.length < ID_DIGITS_MIN)
    throw new Error(`${digits}: must be an ID, or its first 8 digits at least`)
  const [found, another] = records.filter(({ id }) => id.startsWith(digits))
  if (another) throw new Error(`${digits}: begins more than one ID`)
  if (found) return found.id
  const isBuiltIn = builtIn.some(({ id }) => id.startsWith(digits))
  throw new Error(
    isBuiltIn
      ? `${digits}: is an operation of the live page, which every gateway has registered by itself`
      : `${digits}: no such operation is registered`,
  )
}

const listed = (records: readonly RegisteredOperation[], builtIn: readonly OperationText[]): Outcome => {
  const known = new Set(records.map(({ id }) => id))
  const others = builtIn.filter(({ id }) => !known.has(id))
  const rows = [
    ...records.map((record) => [timeOf(record), ...rowOf(record)]),
    ...others.map((operation) => ['live page', ...rowOf(operation)]),
  ]
  return {
    json: [...records.map(jsonOf), ...others.map((operation) => ({ ...operation, builtIn: true }))],
    text: table([['registered', 'type', 'id', 'name'], ...rows], 3),
  }
}

const rowOf = ({ type, id, name }: OperationText): string[] => [type, id, name ?? '']

const timeOf = ({ registeredAtMs }: RegisteredOperation): string =>
  `${new Date(registeredAtMs).toISOString().slice(0, 19)}Z`

const jsonOf = ({ version: _, registeredAtMs, ...record }: RegisteredOperation) => ({
  ...record,
  registeredAt: new Date(registeredAtMs).toISOString(),
})
