import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { emitGraphqlSchema } from '@votestream/gateway/graphql-schema'
import { emitOpenapi } from '@votestream/gateway/openapi'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'

/** `npm run openapi`: writes what the routes and the resolvers say of themselves to schema/. */
const documents = { 'openapi.json': await emitOpenapi(), 'schema.graphql': emitGraphqlSchema() }
for (const [name, document] of Object.entries(documents)) {
  const file = join(repositoryRoot(), 'schema', name)
  await writeFile(file, document)
  console.error(`openapi: wrote ${file}`)
}
