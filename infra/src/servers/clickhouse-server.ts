import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { ClickhousePasswords } from '../access/identities.js'
import { withoutSecrets } from './inherited-environment.js'
import { repositoryRoot } from './repository-root.js'
import { type ServerProcess, type ServerSpec, startServer } from './server-process.js'

export interface ClickHouseServerOptions {
  readonly port: number
  /** Everything it keeps; one process at a time may open it. */
  readonly dataDir: string
  readonly username?: string
  readonly password?: string
  readonly analystPassword?: string
  /** Of the services that have less rights than the owner; where nothing is said, there are none. */
  readonly servicePasswords?: ClickhousePasswords
  readonly logFile?: string
  readonly detached?: boolean
}

export async function startClickHouseServer(
  options: ClickHouseServerOptions,
): Promise<ServerProcess & { url: string; username: string; password: string }> {
  const server = await startServer(await clickHouseServerSpec(options))
  const { username = 'default', password = '' } = options
  return { ...server, url: `http://127.0.0.1:${options.port}`, username, password }
}

/** The embedded engine behind ClickHouse's HTTP interface, as a process of its own. */
export async function clickHouseServerSpec(options: ClickHouseServerOptions): Promise<ServerSpec> {
  const { port, dataDir, username = 'default', password = '', analystPassword, servicePasswords } = options
  await mkdir(dataDir, { recursive: true })
  return {
    name: 'clickhouse',
    command: process.execPath,
    args: ['--enable-source-maps', join(repositoryRoot(), 'infra/dist/embedded/main.js')],
    env: {
      ...withoutSecrets(process.env),
      // Each running query holds one of libuv's threads, whose number is read before the program's first line.
      UV_THREADPOOL_SIZE: '12',
      CLICKHOUSE_PORT: String(port),
      CLICKHOUSE_DATA_DIR: dataDir,
      CLICKHOUSE_USER: username,
      CLICKHOUSE_PASSWORD: password,
      ...(analystPassword === undefined ? {} : { CLICKHOUSE_ANALYST_PASSWORD: analystPassword }),
      ...(servicePasswords && {
        CLICKHOUSE_GATEWAY_PASSWORD: servicePasswords.gateway,
        CLICKHOUSE_PROCESSOR_PASSWORD: servicePasswords.processor,
      }),
    },
    logFile: options.logFile ?? join(dataDir, 'clickhouse.log'),
    isReady: async () => {
      const response = await fetch(`http://127.0.0.1:${port}/ping`, { signal: AbortSignal.timeout(2_000) })
      return response.ok && (await response.text()).trim() === 'Ok.'
    },
    readyTimeoutMs: 120_000,
    stopTimeoutMs: 5_000,
    ...(options.detached === undefined ? {} : { detached: options.detached }),
  }
}
