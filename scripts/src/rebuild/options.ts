import { parseArgs } from 'node:util'
import { EVENT_NUMBER_MAX, type EventNumber } from '@votestream/schema/numbers'

export interface RebuildRequest {
  readonly isHelp: boolean
  readonly sink: 'redis' | 'clickhouse'
  /** A number, or a public identifier as it was given; undefined: everything. */
  readonly event: EventNumber | string | undefined
  readonly waitMs: number
}

export const REBUILD_USAGE = `npm run rebuild -- --redis | --clickhouse   makes a sink anew from the log

  --redis          the view that boards are shown from
  --clickhouse     the tables of analysts
  --event ID       only this event, by its public id or its number: everything else goes on untouched
  --wait SECONDS   for a server to answer (10)
  --help           this

It may run while votes arrive. What the log no longer holds, Redis gets from ClickHouse; ClickHouse keeps it. A
rebuild that was cut off goes on when it is begun again. Exit status 0: done; 2: it could not be done.`

const WAIT_SECONDS = '10'
const WAIT_SECONDS_MAX = 86_400

/** @throws Error with a sentence for a person. */
export const parseRebuildRequest = (args: readonly string[]): RebuildRequest => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      redis: { type: 'boolean', default: false },
      clickhouse: { type: 'boolean', default: false },
      event: { type: 'string' },
      wait: { type: 'string', default: WAIT_SECONDS },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  const waitSeconds = Number(values.wait)
  if (!(waitSeconds > 0 && waitSeconds <= WAIT_SECONDS_MAX)) {
    throw new Error(`--wait ${values.wait}: must be a number of seconds, up to ${WAIT_SECONDS_MAX}`)
  }
  if (!values.help && values.redis === values.clickhouse) throw new Error('either --redis or --clickhouse')
  return {
    isHelp: values.help,
    sink: values.redis ? 'redis' : 'clickhouse',
    event: values.event === undefined ? undefined : eventOf(values.event),
    waitMs: waitSeconds * 1000,
  }
}

const eventOf = (text: string): EventNumber | string => {
  if (/^\d{1,10}$/.test(text)) {
    const number = Number(text)
    if (number >= 1 && number <= EVENT_NUMBER_MAX) return number as EventNumber
  } else if (/^[A-Za-z0-9_-]{22}$/.test(text)) return text
  throw new Error(`--event ${text}: must be an event's public id or its number`)
}
