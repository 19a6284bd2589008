import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import { capacityCommand } from './capacity/command.js'

/** `npm run capacity`: what a rate and an audience take, worked out from the last benches. See CAPACITY_USAGE. */

const folder = join(repositoryRoot(), '.data', 'bench')

const readPart = (part: string): string | undefined => {
  try {
    return readFileSync(join(folder, `${part}.json`), 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

const { status, stdout, stderr } = capacityCommand(process.argv.slice(2), readPart)
if (stdout !== '') console.log(stdout)
if (stderr !== '') console.error(stderr)
process.exitCode = status
