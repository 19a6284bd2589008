import { parseArgs } from 'node:util'
import { LOG_LEVELS } from '@votestream/infra/log-levels'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import { askService, isService } from './diagnostics/private-port.js'
import { readEnvironment } from './environment.js'

/** `npm run log-level`: how much a running service logs, for a time. See USAGE. */

const USAGE = `npm run log-level -- gateway          or ingest, or processor: how much it logs
npm run log-level -- gateway debug    more or less of it: ${LOG_LEVELS.join(', ')}

--minutes N    until it is again as LOG_LEVEL has it (10)
--url URL      the private port of a service that is not this machine's`

const SECONDS = 60

const run = async (): Promise<string> => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      minutes: { type: 'string', default: '10' },
      url: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return USAGE
  const [service, level, ...rest] = positionals
  if (!isService(service) || rest.length > 0) throw new Error(USAGE)
  const body = level === undefined ? undefined : { level, for: Math.round(Number(values.minutes) * SECONDS) }
  const answer = await askService(readEnvironment(repositoryRoot()), {
    service,
    url: values.url,
    path: '/log-level',
    body,
  })
  // As `diagnosticRoutes` answers.
  const state = JSON.parse(answer.toString()) as { level: string; configured: string; until?: string }
  return state.until === undefined
    ? `${service} logs ${state.level}`
    : `${service} logs ${state.level} until ${state.until}, then ${state.configured}`
}

try {
  console.log(await run())
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
