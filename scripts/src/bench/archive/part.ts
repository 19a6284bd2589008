import { definePart } from '../part.js'
import { type ArchiveFigures, measureArchive } from './archive.js'

export const archivePart = definePart({
  name: 'archive',
  about: 'rows that one processor writes to the embedded ClickHouse, what they cost, and what they take',
  options: {
    votes: { default: 1_000_000, hint: 'N', about: 'in the log, of as many voters' },
    batch: { default: 200, hint: 'N', about: 'votes in a message' },
    shards: { default: 2, hint: 'N', about: 'of the log' },
    rounds: { default: 3, hint: 'N', about: 'the same log each time; the medians count' },
    rows: { default: 0, min: 0, hint: 'N', about: 'in one insert at most; 0: as the processor has it' },
  },
  async measure({ batch, rows, ...rest }, say) {
    const rowsMax = rows === 0 ? undefined : rows
    const figures = await measureArchive({ ...rest, batchVotes: batch, rowsMax, say })
    return {
      figures,
      tables: [{ title: 'From the log to ClickHouse', rows: archiveRows(figures) }],
      charts: [
        {
          title: 'Rows written, round by round',
          unit: 'rows/s',
          x: figures.roundsRowsPerSecond.map((_, index) => `round ${index + 1}`),
          series: [{ name: 'one processor', values: figures.roundsRowsPerSecond }],
        },
        {
          title: 'Processor time for a row',
          unit: 'µs',
          x: ['processor', 'ClickHouse', 'nats-server'],
          series: [{ name: 'CPU', values: costs(figures) }],
        },
        {
          title: 'What a row takes on the disk',
          unit: 'bytes',
          x: ['written', 'merged'],
          series: [{ name: 'votes_log', values: [figures.writtenBytes, figures.mergedBytes] }],
        },
      ],
      isGood: figures.faults === 0,
    }
  },
})

const costs = (figures: ArchiveFigures): number[] => [
  figures.processorMicroseconds,
  figures.clickhouseMicroseconds,
  figures.natsMicroseconds,
]

const archiveRows = (figures: ArchiveFigures): string[][] => {
  const [processor = 0, clickhouse = 0, nats = 0] = costs(figures)
  const micros = (count: number): string => `${count.toFixed(2)} µs`
  return [
    ['one processor', ''],
    ['rows a second', figures.rowsPerSecond.toFixed(0)],
    ['CPU a row', micros(processor + clickhouse + nats)],
    ['of it the processor', micros(processor)],
    ['of it ClickHouse, with the merges meanwhile', micros(clickhouse)],
    ['of it nats-server', micros(nats)],
    [`a row on the disk, ${figures.rows} just written`, `${figures.writtenBytes.toFixed(1)} bytes`],
    ['a row on the disk, merged', `${figures.mergedBytes.toFixed(1)} bytes`],
    ['faults', String(figures.faults)],
  ]
}
