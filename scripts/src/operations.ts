import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text as readAll } from 'node:stream/consumers'
import { Kvm } from '@nats-io/kv'
import { pageOperations } from '@votestream/gateway/page-operations'
import { createStore } from '@votestream/gateway/store'
import { brokerTimeMs } from '@votestream/infra/broker-clock'
import { createLogger } from '@votestream/infra/logging'
import { connectNats } from '@votestream/infra/nats'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import { OPERATIONS_BUCKET } from '@votestream/schema/subjects'
import { buildSchema } from 'graphql'
import { readEnvironment } from './environment.js'
import { createOperationRegistry, type OperationRegistry } from './operations/operation-registry.js'
import type { DocumentFile } from './operations/registrable.js'
import { runOperations } from './operations/run-operations.js'
import { operatorAddresses } from './store-logins.js'
import { within } from './within.js'

/** `npm run operations -- register | list | remove`: see USAGE in `run-operations`. Exit status 2: it could not be done. */

const registry = async (waitMs: number): Promise<OperationRegistry> => {
  const { nats: address } = await operatorAddresses(readEnvironment(repositoryRoot()))
  const logger = createLogger('operations', 'silent')
  const nats = await within(waitMs, 'NATS', connectNats({ ...address, name: 'operations', logger }))
  const nowMs = await brokerTimeMs(nats, OPERATIONS_BUCKET).catch((cause: unknown) => {
    throw new Error('Nothing can be registered yet: start Votestream once first.', { cause })
  })
  const bucket = await new Kvm(nats.js).open(OPERATIONS_BUCKET)
  return createOperationRegistry({ bucket, store: createStore(nats), now: () => nowMs })
}

const schema = async () =>
  buildSchema(await readFile(join(repositoryRoot(), 'schema', 'schema.graphql'), 'utf8'))

const documentFile = async (name: string): Promise<DocumentFile> => {
  if (name === '-') return { name: 'standard input', text: await readAll(process.stdin) }
  try {
    return { name, text: await readFile(name, 'utf8') }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new Error(`${name}: cannot be read (${code})`, { cause: error })
  }
}

const context = { registry, schema, readFile: documentFile, builtIn: pageOperations() }
runOperations(process.argv.slice(2), context).then(
  (text) => {
    console.log(text)
    // Ends at once: a connection that is still looking for its server would keep the process.
    process.exit(0)
  },
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : String(error))
    process.exit(2)
  },
)
