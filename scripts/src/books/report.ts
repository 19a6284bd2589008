import { NO_EVENT } from '@votestream/schema/log-entries'
import type { EventNumber } from '@votestream/schema/numbers'
import type { Difference, EventComparison } from './comparison.js'
import type { EventName } from './document.js'
import { lettersAgree } from './letters.js'
import { agrees, type Reconciliation, type ShardSummary } from './reconciliation.js'

/** For a person: a line for each event, then every difference. */
export const report = (
  reconciliation: Reconciliation,
  names: ReadonlyMap<EventNumber, EventName>,
): string => {
  const { shards, events } = reconciliation
  const differences = events.flatMap((event) => event.differences)
  const lines = [
    `Log, Redis and ClickHouse at ${shards.map(placeOf).join(', ')}.`,
    ...shards.flatMap(notesOf),
  ]
  lines.push('', ...table([HEADINGS, ...events.map((event) => eventRow(event, names))]))
  if (differences.length > 0)
    lines.push('', ...table([DIFFERENCE_HEADINGS, ...differences.map(differenceRow)]))
  const letters = shards.flatMap(lettersLines)
  if (letters.length > 0) lines.push('', ...letters)
  lines.push('', verdict(reconciliation, differences.length + letters.length))
  return lines.join('\n')
}

const placeOf = ({ shard, redis }: ShardSummary): string =>
  redis.fromSequence === redis.toSequence
    ? `message ${redis.toSequence} of shard ${shard}`
    : `messages ${redis.fromSequence} to ${redis.toSequence} of shard ${shard}`

const notesOf = ({ shard, firstSequence, earlierStreams }: ShardSummary): string[] => [
  ...(firstSequence <= 1
    ? []
    : [
        `Shard ${shard}: the log was purged and begins at message ${firstSequence}. What stands before it is in ClickHouse alone:`,
        '  from there on the entries of the log are compared with those in ClickHouse, and all of ClickHouse with Redis.',
      ]),
  ...earlierStreams.map(
    ({ generation, entries, events }) =>
      `Shard ${shard}: ClickHouse also holds ${entries} entries of a stream made ${generation}, which the log no longer has;\n` +
      `  of ${events.length === 1 ? 'its event' : 'its events'} ${events.join(', ')} the entries are compared, and not what became of them.`,
  ),
]

const lettersLines = ({ shard, letters }: ShardSummary): string[] => {
  if (!letters || lettersAgree(letters)) return []
  const { log, missing, unexpected } = letters
  const parts = [
    ...(missing.length > 0 ? [`none for ${messages(missing)}`] : []),
    ...(unexpected.length > 0 ? [`one for ${messages(unexpected)}, in which nothing is dead`] : []),
  ]
  return [
    `Shard ${shard}: ${log} ${log === 1 ? 'message' : 'messages'} of the log with something dead, ${letters.letters} in VOTES_DEAD: ${parts.join('; ')}.`,
  ]
}

const messages = (sequences: readonly number[]): string =>
  `message${sequences.length === 1 ? '' : 's'} ${sequences.join(', ')}`

const verdict = (reconciliation: Reconciliation, differences: number): string => {
  const count = reconciliation.events.length
  return agrees(reconciliation)
    ? `The books agree: ${count} event${count === 1 ? '' : 's'}.`
    : `The books do not agree: ${differences} difference${differences === 1 ? '' : 's'}.`
}

const HEADINGS = [
  'event',
  'name',
  'entries',
  'rejected',
  'superseded',
  'dead',
  'counted: log',
  'Redis',
  'ClickHouse',
  'result',
]
const NAME_WIDTH_MAX = 32

const eventRow = (
  { event, log, redis, clickhouse, differences }: EventComparison,
  names: ReadonlyMap<EventNumber, EventName>,
): string[] => {
  const books = log ?? clickhouse
  return [
    String(event),
    event === NO_EVENT ? 'unreadable messages' : (names.get(event)?.name ?? '').slice(0, NAME_WIDTH_MAX),
    String(books.entries),
    String(books.rejected),
    String(books.superseded),
    String(books.dead),
    log ? String(log.counted) : 'purged',
    String(redis.counted),
    String(clickhouse.counted),
    differences.length === 0 ? 'ok' : 'DIFFERENT',
  ]
}

const DIFFERENCE_HEADINGS = ['event', 'shard', 'message', 'what', 'log', 'Redis', 'ClickHouse', 'its windows']

const differenceRow = (difference: Difference): string[] => {
  const { event, shard, sequence, log, redis, clickhouse, windows } = difference
  return [
    String(event),
    String(shard),
    String(sequence),
    whatOf(difference),
    ...[log, redis, clickhouse, windows].map((value) => (value === undefined ? '-' : String(value))),
  ]
}

const whatOf = ({ what, contestant, window }: Difference): string => {
  if (contestant === undefined) return what
  if (!window) return `contestant ${contestant}`
  const start = new Date(window.startMs).toISOString().slice(0, 19)
  return `contestant ${contestant}, ${window.lengthMs / 1000} s from ${start}Z`
}

const table = (rows: readonly (readonly string[])[]): string[] => {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  )
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}
