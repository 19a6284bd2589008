import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import { readPprof } from './diagnostics/pprof-tree.js'
import { askService, isService } from './diagnostics/private-port.js'
import { profilePage } from './diagnostics/profile-page.js'
import { readEnvironment } from './environment.js'

/** `npm run profile`: what a running service does with its time, or its memory. See USAGE. */

const USAGE = `npm run profile -- gateway     or ingest, or processor: a profile in pprof's format, and a flame graph

--seconds N    how long, from 1 to 60 (10)
--heap         what it allocated and still holds, instead of what takes its time
--worker N     which of a gateway's workers, from 1 on (1)
--url URL      the private port of a service that is not this machine's`

const run = async (): Promise<string> => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seconds: { type: 'string', default: '10' },
      worker: { type: 'string', default: '1' },
      heap: { type: 'boolean', default: false },
      url: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return USAGE
  const [service, ...rest] = positionals
  if (!isService(service) || rest.length > 0) throw new Error(USAGE)
  const environment = readEnvironment(repositoryRoot())
  const { seconds, worker, heap, url } = values
  const kind = heap ? 'heap' : 'cpu'
  const asked = new URLSearchParams({ seconds, worker })
  const bytes = await askService(environment, {
    service,
    url,
    path: `/debug/pprof/${heap ? 'heap' : 'profile'}?${asked}`,
    withinMs: 1_000 * (Number(seconds) || 0) + ANSWER_MORE_MS,
  })
  const profile = readPprof(bytes)
  const at = new Date().toISOString()
  const folder = join(environment.DATA_DIR, 'profiles')
  mkdirSync(folder, { recursive: true })
  const name = join(folder, `${service}-${kind}-${at.replace(/[:.]/g, '-')}`)
  writeFileSync(`${name}.pb.gz`, bytes)
  const about = `${seconds} s of ${service}, worker ${worker}, until ${at}`
  writeFileSync(`${name}.html`, await profilePage(`${service}: ${kind}`, about, profile))
  return [
    ...profile.own.slice(0, SHOWN_MAX).map(lineOf(profile.total)),
    `${name}.pb.gz`,
    `${name}.html`,
  ].join('\n')
}

/** For encoding and sending it. */
const ANSWER_MORE_MS = 20_000
const SHOWN_MAX = 5

const lineOf =
  (total: number) =>
  ({ name, value }: { readonly name: string; readonly value: number }): string =>
    `${((100 * value) / total).toFixed(1).padStart(5)} %  ${name}`

try {
  console.log(await run())
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
