import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { emitOpenapi } from '@votestream/gateway/openapi'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'

/** `npm run openapi`: writes the document that the routes give to schema/openapi.json. */
const file = join(repositoryRoot(), 'schema/openapi.json')
await writeFile(file, await emitOpenapi())
console.error(`openapi: wrote ${file}`)
