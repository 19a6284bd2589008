import { mkdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import process from 'node:process'
import { configure } from '../src/lifecycle.js'
import { createAccess } from './access.js'
import { megabytes, requireRoom, watchDisk } from './disk-guard.js'
import { readEmbeddedEnvironment } from './environment.js'
import { createHttpServer } from './http-server.js'
import { openSessionPool } from './session-pool.js'

const stopDeadlineMs = 5_000

async function main() {
  const environment = configure(() => readEmbeddedEnvironment(process.env))
  const { dataDir } = environment
  mkdirSync(dataDir, { recursive: true })
  requireRoom(dataDir)
  const disk = watchDisk({
    dataDir,
    onFull: (free) =>
      fail(`The disk of ${dataDir} is full (${megabytes(free)} MB left): ending before it harms.`),
  })
  const sessions = await openSessionPool({
    dataDir,
    disk,
    sessionsMax: environment.sessionsMax,
    queueMax: 256,
    threadsMax: availableParallelism(),
  })
  const server = createHttpServer({
    access: createAccess(environment),
    sessions,
    limits: { bodyBytesMax: 1024 ** 3, queryBytesMax: 1024 ** 2 },
  })
  server.once('error', (error: NodeJS.ErrnoException) => {
    const taken = error.code === 'EADDRINUSE'
    fail(
      taken
        ? `Port ${environment.port} is taken: set CLICKHOUSE_PORT to a free one.`
        : `Cannot listen on port ${environment.port} (CLICKHOUSE_PORT): ${error.message}`,
    )
  })
  server.listen(environment.port, '127.0.0.1', () => {
    console.log(`ClickHouse ${sessions.version} (chDB) on http://127.0.0.1:${environment.port}`)
  })

  let stopping = false
  const stop = async () => {
    if (stopping) return
    stopping = true
    const closed = new Promise<void>((end) => server.close(() => end()))
    server.closeIdleConnections()
    await sessions.close(stopDeadlineMs)
    disk.stop()
    // Answers that are on their way get half a second to arrive.
    server.closeIdleConnections()
    await Promise.race([closed, new Promise((late) => setTimeout(late, 500))])
    process.exit(0)
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
}

function fail(sentence: string): never {
  console.error(sentence)
  process.exit(1)
}

main().catch((error: unknown) =>
  fail(`The engine did not start: ${error instanceof Error ? error.message : error}`),
)
