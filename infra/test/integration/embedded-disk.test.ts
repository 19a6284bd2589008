import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type ClickHouseClient, connectClickhouse } from '../../src/clickhouse.js'
import { startClickHouseServer } from '../../src/servers/clickhouse-server.js'
import { freePort } from '../../src/servers/free-port.js'
import { mountSmallDisk, type SmallDisk } from '../../src/servers/small-disk.js'

const DISK_BYTES = 384 * 1024 ** 2
const ROWS = 100_000
const ROUNDS = 3

describe('embedded ClickHouse on a disk that gets full', function () {
  this.timeout(120_000)
  let folder: string
  let disk: SmallDisk | undefined
  let server: Awaited<ReturnType<typeof startClickHouseServer>> | undefined
  let clickhouse: ClickHouseClient

  const start = async () => {
    const port = await freePort()
    const logFile = join(folder, 'clickhouse.log')
    server = await startClickHouseServer({ port, dataDir: join(folder, 'data'), logFile })
    clickhouse = connectClickhouse({ url: server.url, user: 'default', password: '' })
    return server
  }

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'votestream-disk-'))
    disk = mountSmallDisk(join(folder, 'data'), DISK_BYTES)
  })
  after(async () => {
    await server?.stop()
    disk?.unmount()
    rmSync(folder, { recursive: true, force: true })
  })

  it('ends without an answer, and has every acknowledged row when it is back, merged or not', async function () {
    if (!disk) return this.skip()
    await start()
    await clickhouse.command({
      query: `CREATE TABLE numbered (batch UInt32, filler String) ENGINE = MergeTree ORDER BY batch
        SETTINGS fsync_after_insert = 1, fsync_part_directory = 1`,
    })
    const acknowledged = new Set<number>()
    let batch = 0
    for (let round = 0; round < ROUNDS; round += 1) {
      let died = false
      const exited = server?.exited.then(() => {
        died = true
      })
      const insertAll = async () => {
        while (!died) {
          batch += 1
          const mine = batch
          const query = `INSERT INTO numbered SELECT ${mine}, randomString(50) FROM numbers(${ROWS})`
          const done = await clickhouse.command({ query }).then(
            () => true,
            () => false,
          )
          if (done) acknowledged.add(mine)
          else await pause(5)
        }
      }
      const mergeAll = async () => {
        while (!died)
          await clickhouse.command({ query: 'OPTIMIZE TABLE numbered FINAL' }).catch(() => pause(5))
      }
      const work = [insertAll(), insertAll(), mergeAll()]
      await pause(150 + 40 * round)
      await disk.fill()
      await Promise.all([exited, ...work])
      await clickhouse.close()
      await assert.rejects(start(), /MB left \(CLICKHOUSE_DATA_DIR\)/)
      await disk.free()
      await start()
      const result = await clickhouse.query({
        query: 'SELECT batch, count() AS rows, sum(length(filler)) AS bytes FROM numbered GROUP BY batch',
        format: 'JSONEachRow',
        clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
      })
      const found = new Map((await result.json<Batch>()).map((row) => [row.batch, row]))
      assert.ok(acknowledged.size > 0)
      for (const mine of acknowledged) {
        assert.deepEqual(found.get(mine), { batch: mine, rows: ROWS, bytes: ROWS * 50 })
      }
      await clickhouse.command({ query: 'TRUNCATE TABLE numbered' })
      acknowledged.clear()
    }
    await clickhouse.close()
  })
})

interface Batch {
  readonly batch: number
  readonly rows: number
  readonly bytes: number
}
