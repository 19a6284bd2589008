import { type DeadLetter, findDeadLetters } from '@votestream/infra/dead-letters'
import type { DeadCommand } from './dead-command.js'
import { lettersTable } from './letters-report.js'

const NAME = /^\d+:\d+$/

/** Removes letters: what they tell of stays dead in the log, and nobody is reminded of it any more. */
export const discardLetters: DeadCommand = {
  usage: 'discard SHARD:MESSAGE … --yes   forgets letters; what is dead stays dead, and may be purged',
  options: { yes: { type: 'boolean' } },
  async run({ nats, say }, { yes }, names) {
    const wrong = names.find((name) => !NAME.test(name))
    if (wrong !== undefined || names.length === 0) {
      throw new Error('name the letters by shard and message, as in: npm run dead -- discard 0:1234 --yes')
    }
    const wanted = new Set(names)
    const deadLetters = await findDeadLetters(nats)
    const found: DeadLetter[] = []
    for await (const letter of deadLetters?.list() ?? []) {
      if (wanted.has(nameOf(letter))) found.push(letter)
    }
    const known = new Set(found.map(nameOf))
    const missing = names.filter((name) => !known.has(name))
    if (missing.length > 0) throw new Error(`there is no letter ${missing.join(', ')}`)
    say(lettersTable(found))
    if (yes !== true) {
      say('With --yes they are forgotten.')
      return 1
    }
    for (const letter of found) await deadLetters?.remove(letter)
    say('They are forgotten.')
    return 0
  },
}

const nameOf = ({ shard, sequence }: DeadLetter): string => `${shard}:${sequence}`
