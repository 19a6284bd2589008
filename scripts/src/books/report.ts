import type { EventNumber } from '@votestream/schema/numbers'
import type { Books } from '@votestream/schema/replay'
import type { Difference, EventComparison } from './comparison.js'
import type { Reconciliation } from './reconciliation.js'

export const agrees = ({ events }: Reconciliation): boolean =>
  events.every(({ differences }) => differences.length === 0)

/** For a person: a line for each event, then every difference. */
export const report = (reconciliation: Reconciliation, names: ReadonlyMap<EventNumber, string>): string => {
  const { shards, events } = reconciliation
  const lines = [
    `Log, Redis and ClickHouse at ${shards.map(({ shard, position }) => `message ${position} of shard ${shard}`).join(', ')}.`,
  ]
  for (const { shard, firstSequence } of shards) {
    if (firstSequence === 1) continue
    lines.push(
      `Shard ${shard}: the log was purged and begins at message ${firstSequence}. What stands before it is in ClickHouse alone:`,
      '  from there on the entries of the log are compared with those in ClickHouse, and all of ClickHouse with Redis.',
    )
  }
  lines.push('', ...table([HEADINGS, ...events.map((event) => eventRow(event, names))]))
  const differences = events.flatMap((event) => event.differences)
  if (differences.length > 0)
    lines.push('', ...table([DIFFERENCE_HEADINGS, ...differences.map(differenceRow)]))
  lines.push(
    '',
    differences.length === 0
      ? `The books agree: ${events.length} event${events.length === 1 ? '' : 's'}.`
      : `The books do not agree: ${differences.length} difference${differences.length === 1 ? '' : 's'}.`,
  )
  return lines.join('\n')
}

const HEADINGS = [
  'event',
  'name',
  'entries',
  'rejected',
  'superseded',
  'counted: log',
  'Redis',
  'ClickHouse',
  'result',
]
const NAME_WIDTH_MAX = 32

const eventRow = (comparison: EventComparison, names: ReadonlyMap<EventNumber, string>): string[] => {
  const { event, log, redis, clickhouse, differences } = comparison
  const books: Books = log ?? clickhouse
  return [
    String(event),
    (names.get(event) ?? '').slice(0, NAME_WIDTH_MAX),
    String(books.entries),
    String(books.rejected),
    String(books.superseded),
    log ? String(log.counted) : 'purged',
    String(redis.counted),
    String(clickhouse.counted),
    differences.length === 0 ? 'ok' : 'DIFFERENT',
  ]
}

const DIFFERENCE_HEADINGS = ['event', 'shard', 'what', 'log', 'Redis', 'ClickHouse', 'its windows']

const differenceRow = ({ event, shard, what, log, redis, clickhouse, windows }: Difference): string[] => [
  String(event),
  String(shard),
  what,
  ...[log, redis, clickhouse, windows].map((value) => (value === undefined ? '-' : String(value))),
]

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
