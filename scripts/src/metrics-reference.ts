import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import { metricsReference, REFERENCE_FILE } from './metrics-reference/reference.js'

/** `npm run metrics-reference`: writes the table of all metrics, as the services register them, to infra/. */
const file = join(repositoryRoot(), REFERENCE_FILE)
await mkdir(dirname(file), { recursive: true })
await writeFile(file, metricsReference())
console.error(`metrics-reference: wrote ${file}`)
// What watches a process for its metrics would keep this one.
process.exit(0)
