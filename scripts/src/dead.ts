import { parseArgs } from 'node:util'
import { createLogger } from '@votestream/infra/logging'
import { connectNats } from '@votestream/infra/nats'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import type { DeadCommand } from './dead/dead-command.js'
import { discardLetters } from './dead/discard-letters.js'
import { listLetters } from './dead/list-letters.js'
import { retryLetters } from './dead/retry-letters.js'
import { readEnvironment } from './environment.js'
import { operatorAddresses } from './store-logins.js'
import { within } from './within.js'

/**
 * `npm run dead -- COMMAND`: messages of the log in which something is dead, so that nobody counted it. The log
 * itself stays as it is. `--wait 30`: seconds for the broker to answer. Exit status 2: it could not be done.
 */

const COMMANDS: Readonly<Record<string, DeadCommand>> = {
  list: listLetters,
  retry: retryLetters,
  discard: discardLetters,
}

const WAIT_SECONDS = '10'

const usage = (): string =>
  ['usage:', ...Object.values(COMMANDS).map((command) => `  npm run dead -- ${command.usage}`)].join('\n')

const run = async ([name = '', ...args]: readonly string[]): Promise<number> => {
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (command === undefined) throw new Error(usage())
  const options = { ...command.options, wait: { type: 'string', default: WAIT_SECONDS } } as const
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true })
  const waitMs = Number(values.wait) * 1000
  if (!(waitMs > 0)) throw new Error('--wait takes a number of seconds')
  const environment = readEnvironment(repositoryRoot())
  const logger = createLogger('dead', 'silent')
  const stores = await operatorAddresses(environment)
  const nats = await within(waitMs, 'NATS', connectNats({ ...stores.nats, name: 'dead', logger }))
  return command.run({ environment, nats, say: (line) => console.log(line) }, values, positionals)
}

run(process.argv.slice(2)).then(
  // Ends at once: a connection that is still looking for its server would keep the process.
  (status) => process.exit(status),
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : error)
    process.exit(2)
  },
)
