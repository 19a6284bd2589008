import { type ClickHouseClient, connectClickhouse } from '@votestream/infra/clickhouse'
import { createLogger } from '@votestream/infra/logging'
import { applyMigrations, readMigrations } from '@votestream/infra/migrations'
import { connectNats, type Nats } from '@votestream/infra/nats'
import { startServersForTest, type TestServers } from '@votestream/infra/servers/test-servers'
import { migrationsFolder } from '@votestream/schema/clickhouse-schema'
import { eventNumber } from '@votestream/schema/numbers'
import { type FullLog, fillLog, mixedVoters } from '../log/full-log.js'
import type { LanesAnswer, LanesOrder } from '../log/lanes-process.js'
import { CONTESTANTS } from '../log/votes.js'
import { median } from '../median.js'
import type { Say } from '../part.js'
import { startWorker, type Worker } from '../worker.js'

export interface ArchiveOptions {
  readonly votes: number
  readonly batchVotes: number
  readonly shards: number
  readonly rounds: number
  /** Of one insert at most; undefined: as the processor has it. */
  readonly rowsMax: number | undefined
  readonly say: Say
}

/** Medians over the rounds. Processor time is for a row. */
export interface ArchiveFigures {
  readonly rows: number
  readonly rowsPerSecond: number
  readonly roundsRowsPerSecond: readonly number[]
  readonly processorMicroseconds: number
  readonly clickhouseMicroseconds: number
  readonly natsMicroseconds: number
  /** What a row takes on the disk in `votes_log`, when the last one has just been written. */
  readonly writtenBytes: number
  /** The same, when its parts have been merged into one for each partition. */
  readonly mergedBytes: number
  /** Rows by which ClickHouse differs from the log, of all rounds. */
  readonly faults: number
}

const REQUEST_TIMEOUT_MS = 120_000
const logger = createLogger('bench', 'silent')

/** The archive of a full log by one process, from the first message to the last. */
export const measureArchive = async (options: ArchiveOptions): Promise<ArchiveFigures> => {
  const { votes, batchVotes, shards, rounds, rowsMax, say } = options
  const bench = await openBench()
  const { nats, clickhouse } = bench
  try {
    const log = await fillLog({
      nats,
      shards,
      event: eventNumber(1),
      batchVotes,
      votes,
      voterAt: mixedVoters(votes),
    })
    say(`${votes} votes are in the log`)
    const samples: Sample[] = []
    for (let round = 1; round <= rounds; round += 1) {
      const sample = await archiveLog(bench, log, rowsMax)
      samples.push(sample)
      say(`round ${round}: ${(votes / sample.seconds).toFixed(0)} rows/s`)
    }
    await clickhouse.command({ query: 'OPTIMIZE TABLE votes_log FINAL' })
    return figuresOf(votes, samples, (await bytesOnDisk(clickhouse)) / votes)
  } finally {
    await bench.stop()
  }
}

interface Bench {
  readonly servers: TestServers
  readonly nats: Nats
  readonly clickhouse: ClickHouseClient
  readonly worker: Worker<LanesOrder, LanesAnswer>
  stop(): Promise<void>
}

const openBench = async (): Promise<Bench> => {
  const servers = await startServersForTest(['nats', 'clickhouse'])
  const nats = await connectNats({ url: servers.get('nats').url, name: 'bench', logger })
  const clickhouse = connectClickhouse({
    url: servers.get('clickhouse').url,
    user: 'default',
    password: '',
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
  })
  const worker = startWorker<LanesOrder, LanesAnswer>(new URL('../log/lanes-process.js', import.meta.url))
  const stop = async (): Promise<void> => {
    await worker.stop()
    await clickhouse.close()
    await nats.close()
    await servers.stop()
  }
  try {
    await applyMigrations({ clickhouse, migrations: await readMigrations(migrationsFolder), say: () => {} })
  } catch (error) {
    await stop()
    throw error
  }
  return { servers, nats, clickhouse, worker, stop }
}

interface Sample extends LanesAnswer {
  readonly bytes: number
  readonly faults: number
}

const archiveLog = async (
  { servers, clickhouse, worker }: Bench,
  log: FullLog,
  rowsMax: number | undefined,
): Promise<Sample> => {
  for (const table of ['votes_log', 'window_tallies']) {
    await clickhouse.command({ query: `TRUNCATE TABLE ${table}` })
  }
  const [nats, sink] = [servers.get('nats'), servers.get('clickhouse')]
  const answer = await worker.ask({
    role: 'archive',
    nats: { url: nats.url, pid: nats.pid },
    sink: { url: sink.url, pid: sink.pid },
    ends: log.ends,
    rowsMax,
  })
  return { ...answer, bytes: await bytesOnDisk(clickhouse), faults: await faultsOf(clickhouse, log) }
}

const select = async <Row>(clickhouse: ClickHouseClient, query: string): Promise<Row[]> => {
  const result = await clickhouse.query({
    query,
    format: 'JSONCompactEachRow',
    clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
  })
  return result.json<Row>()
}

const bytesOnDisk = async (clickhouse: ClickHouseClient): Promise<number> => {
  const [row] = await select<[number]>(
    clickhouse,
    `SELECT sum(bytes_on_disk) FROM system.parts
     WHERE active AND database = currentDatabase() AND table = 'votes_log'`,
  )
  return row?.[0] ?? Number.NaN
}

/** Every row is there once, the votes are those of the log, and the windows add up to them. */
const faultsOf = async (clickhouse: ClickHouseClient, { votes, totals }: FullLog): Promise<number> => {
  const rows = await select<[number, number, number]>(
    clickhouse,
    'SELECT contestant, count(), uniqExact(voter) FROM votes_log GROUP BY contestant',
  )
  const windows = await select<[number, number]>(
    clickhouse,
    'SELECT contestant, sum(votes) FROM votes_per_minute GROUP BY contestant',
  )
  const difference = (found: readonly (readonly [number, number])[]): number => {
    const counts = new Map(found)
    return Array.from({ length: CONTESTANTS }, (_, contestant) =>
      Math.abs((counts.get(contestant) ?? 0) - (totals[contestant] ?? 0)),
    ).reduce((sum, fault) => sum + fault, 0)
  }
  const once = rows.map(([contestant, , voters]) => [contestant, voters] as const)
  const all = rows.reduce((sum, [, count]) => sum + count, 0)
  return Math.abs(all - votes) + difference(once) + difference(windows)
}

const figuresOf = (votes: number, samples: readonly Sample[], mergedBytes: number): ArchiveFigures => {
  const of = (figure: (sample: Sample) => number): number => median(samples.map(figure))
  return {
    rows: votes,
    rowsPerSecond: of(({ seconds }) => votes / seconds),
    roundsRowsPerSecond: samples.map(({ seconds }) => votes / seconds),
    processorMicroseconds: of(({ ownCpuSeconds }) => (ownCpuSeconds * 1e6) / votes),
    clickhouseMicroseconds: of(({ sinkCpuSeconds }) => (sinkCpuSeconds * 1e6) / votes),
    natsMicroseconds: of(({ natsCpuSeconds }) => (natsCpuSeconds * 1e6) / votes),
    writtenBytes: of(({ bytes }) => bytes / votes),
    mergedBytes,
    faults: samples.reduce((sum, { faults }) => sum + faults, 0),
  }
}
