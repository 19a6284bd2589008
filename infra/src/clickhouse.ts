import { type ClickHouseClient, ClickHouseLogLevel, createClient } from '@clickhouse/client'

import { splitLogin } from './store-login.js'

export type { ClickHouseClient }

interface ClickhouseOptions {
  /** May hold `user:password@`, which goes before the two below. */
  readonly url: string
  readonly user: string
  readonly password: string
  /** The server's own choice when there is none. */
  readonly database?: string
  readonly requestTimeoutMs?: number
}

/** @throws Error while it does not answer; the library tells of it instead. */
export const pingClickhouse = async (clickhouse: ClickHouseClient): Promise<void> => {
  const answer = await clickhouse.ping()
  if (!answer.success) throw answer.error
}

/** A client whose inserts are on disk when they return, each as one block. */
export const connectClickhouse = ({
  url,
  user,
  password,
  database,
  requestTimeoutMs = 30_000,
}: ClickhouseOptions): ClickHouseClient => {
  const given = splitLogin(url)
  return createClient({
    url: given.url,
    username: given.user ?? user,
    password: given.password ?? password,
    ...(database === undefined ? {} : { database }),
    request_timeout: requestTimeoutMs,
    // Every error is thrown, to somebody who knows what it means and logs it as a service does.
    log: { level: ClickHouseLogLevel.OFF },
    clickhouse_settings: { async_insert: 0, input_format_parallel_parsing: 0 },
  })
}
