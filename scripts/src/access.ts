import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import { SHARDS_MAX } from '@votestream/schema/numbers'
import { accessFiles, SHARDS_SHIPPED } from './access-files.js'

/**
 * `npm run access`: writes who may do what, for NATS, Redis and ClickHouse of one's own, to infra/. `--shards 16`: for a
 * vote log of so many.
 */
const { values } = parseArgs({ options: { shards: { type: 'string', default: String(SHARDS_SHIPPED) } } })
const shards = Number(values.shards)
if (!Number.isInteger(shards) || shards < 1 || shards > SHARDS_MAX) {
  console.error(`--shards ${values.shards}: must be a whole number from 1 to ${SHARDS_MAX}`)
  process.exit(2)
}
for (const [name, text] of Object.entries(accessFiles(shards))) {
  const file = join(repositoryRoot(), name)
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, text)
  console.error(`access: wrote ${file}`)
}
