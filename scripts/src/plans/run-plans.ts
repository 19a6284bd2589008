import { parseArgs } from 'node:util'
import { VotestreamError } from '@votestream/schema/errors'
import { within } from '../within.js'
import { keyCommands } from './key-commands.js'
import { planCommands } from './plan-commands.js'
import type { PlansCommand, PlansContext } from './plans-command.js'

const WAIT_SECONDS = '10'

const usage = (): string => {
  const lines = [...Object.values(planCommands), ...Object.values(keyCommands)].map(
    ({ usage: words }) => words,
  )
  const width = Math.max(...lines.map(([words]) => words.length))
  return [
    'usage:',
    ...lines.map(([words, does]) => `  npm run -s plans -- ${words.padEnd(width)}   ${does}`),
    '  with each: --json for a program, --wait 30 for the broker to answer, in seconds',
  ].join('\n')
}

const commandOf = ([first = '', ...rest]: readonly string[]): [PlansCommand, readonly string[]] => {
  const [commands, name, args] =
    first === 'keys' ? [keyCommands, rest[0] ?? '', rest.slice(1)] : [planCommands, first, rest]
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (!command) throw new Error(usage())
  return [command, args]
}

/**
 * What `npm run plans -- …` says.
 * @param connect is given the time that the broker has to answer.
 * @throws Error with a sentence for a person: see `sentenceOf`.
 */
export const runPlans = async (
  words: readonly string[],
  connect: (waitMs: number) => Promise<PlansContext>,
): Promise<string> => {
  const [command, args] = commandOf(words)
  const shared = { json: { type: 'boolean' }, wait: { type: 'string', default: WAIT_SECONDS } } as const
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { ...command.options, ...shared },
    allowPositionals: true,
  })
  if (positionals.length !== command.takes.length)
    throw new Error(`usage: npm run -s plans -- ${command.usage[0]}`)
  const waitMs = Number(values.wait) * 1000
  if (!(waitMs > 0)) throw new Error('--wait takes a number of seconds')
  const context = await connect(waitMs)
  const outcome = await within(waitMs, 'NATS', command.run(context, values, positionals))
  return values.json ? JSON.stringify(outcome.json) : outcome.text
}

/** What fields are called here. */
const OPTION_NAMES: Readonly<Record<string, string>> = {
  name: 'NAME',
  id: 'ID',
  ratePerSecond: '--rate',
  burst: '--burst',
  'quota.limit': '--quota',
  'quota.period': '--per',
  plan: '--plan',
  application: '--application',
  graceSeconds: '--grace',
}

/** A sentence for each thing that is wrong, by the names of the options. */
export const sentenceOf = (error: unknown): string => {
  if (!(error instanceof VotestreamError)) return error instanceof Error ? error.message : String(error)
  const faults = error.fields.map(({ field, message }) => `${OPTION_NAMES[field] ?? field}: ${message}`)
  return faults.length > 0 ? faults.join('\n') : error.message
}
