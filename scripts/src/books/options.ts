import { parseArgs } from 'node:util'
import { EVENT_NUMBER_MAX, type EventNumber } from '@votestream/schema/numbers'

export interface ReconcileRequest {
  readonly isHelp: boolean
  readonly isJson: boolean
  readonly waitMs: number
  readonly showsProgress: boolean
  /** Numbers and public identifiers as they were given; empty: all events. */
  readonly events: readonly (EventNumber | string)[]
}

export const RECONCILE_USAGE = `npm run -s reconcile   proves the books: a fresh replay of the log, Redis and ClickHouse, event by event

  --event ID       only this event: its public id or its number; may be repeated
  --json           one JSON document on stdout instead of the tables
  --wait SECONDS   for a server to answer, and for Redis and ClickHouse to reach the end of the log (10)
  --progress       says on stderr how far it is, also where that is no terminal
  --help           this

It may run while votes arrive: each source is compared at the same message of each shard's log. Exit status 0: the
books agree; 1: they differ; 2: they could not be compared.

Compared are: entries = counted + rejected + superseded + dead, and each contestant (log, Redis, ClickHouse); the
bits of voters and of rejected votes and the 10-second windows that Redis must still have (log, Redis); what stands
in the log as votes, closings, decisions and dead entries (log, ClickHouse); the minutes of ClickHouse (log, its
windows with what decisions changed in them); the letters in VOTES_DEAD (log).

The document of --json: version (1), agree, shards [{shard, stream, first_sequence, redis: {from_sequence,
to_sequence}, minutes_sequence, dead_letters: {log, letters, missing, unexpected} or null, earlier_streams}],
events [{event, event_id, name, agree, log, redis, clickhouse}] with {entries, counted, rejected, superseded, dead,
totals: {contestant: votes}} of each, log null where it was purged; differences [{event, event_id, name, shard,
sequence, what, contestant, window: {start, seconds} or null, log, redis, clickhouse, clickhouse_windows}], a figure
null where it is not asked of that source. Event 0 stands for messages that nobody can read. Where the books could
not be compared: version and error.`

const WAIT_SECONDS = '10'
const WAIT_SECONDS_MAX = 86_400

/** @throws Error with a sentence for a person. */
export const parseReconcileRequest = (args: readonly string[]): ReconcileRequest => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      event: { type: 'string', multiple: true, default: [] },
      json: { type: 'boolean', default: false },
      wait: { type: 'string', default: WAIT_SECONDS },
      progress: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  const waitSeconds = Number(values.wait)
  if (!(waitSeconds > 0 && waitSeconds <= WAIT_SECONDS_MAX)) {
    throw new Error(`--wait ${values.wait}: must be a number of seconds, up to ${WAIT_SECONDS_MAX}`)
  }
  return {
    isHelp: values.help,
    isJson: values.json,
    waitMs: waitSeconds * 1000,
    showsProgress: values.progress,
    events: values.event.map(eventOf),
  }
}

const eventOf = (text: string): EventNumber | string => {
  if (/^\d{1,10}$/.test(text)) {
    const number = Number(text)
    if (number <= EVENT_NUMBER_MAX) return number as EventNumber
  } else if (/^[A-Za-z0-9_-]{22}$/.test(text)) return text
  throw new Error(`--event ${text}: must be an event's public id or its number`)
}
