import { type DeadLetter, findDeadLetters } from '@votestream/infra/dead-letters'
import { shardNumber } from '@votestream/schema/numbers'
import type { DeadCommand } from './dead-command.js'
import { letterLine, lettersTable } from './letters-report.js'

/** So many are shown in a table; `--json` writes all of them. */
const SHOWN_MAX = 1_000

export const listLetters: DeadCommand = {
  usage: 'list [--shard 0] [--json]   what in the log is dead, and why',
  options: { json: { type: 'boolean' }, shard: { type: 'string' } },
  async run({ nats, say }, { json, shard }) {
    const deadLetters = await findDeadLetters(nats)
    const wanted = typeof shard === 'string' ? shardNumber(Number(shard)) : undefined
    const shown: DeadLetter[] = []
    let more = 0
    for await (const letter of deadLetters?.list(wanted) ?? []) {
      if (json === true) say(letterLine(letter))
      else if (shown.length < SHOWN_MAX) shown.push(letter)
      else more += 1
    }
    if (json !== true) say(lettersTable(shown))
    if (more > 0) say(`And ${more} more: --json shows all.`)
    return 0
  },
}
