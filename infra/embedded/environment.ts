import { z } from 'zod'
import { EnvironmentError, portVariable, readEnvironment, wholeVariable } from '../src/environment.js'

export interface EmbeddedEnvironment {
  readonly port: number
  readonly dataDir: string
  readonly user: string
  readonly password: string
  readonly analystPassword: string | undefined
  /** Queries that may run at the same time. One thread is kept back for compression and files. */
  readonly sessionsMax: number
}

/** @throws EnvironmentError that names each faulty variable. */
export const readEmbeddedEnvironment = (source: NodeJS.ProcessEnv): EmbeddedEnvironment => {
  const values = readEnvironment(
    {
      CLICKHOUSE_PORT: portVariable(8123),
      CLICKHOUSE_DATA_DIR: z.string({ error: 'is required: the folder that holds the tables' }),
      CLICKHOUSE_USER: z.string().default('default'),
      CLICKHOUSE_PASSWORD: z.string().default(''),
      CLICKHOUSE_ANALYST_PASSWORD: z.string().optional(),
      // libuv's own variable, read by it before any of our code runs: every query occupies one of these threads.
      UV_THREADPOOL_SIZE: wholeVariable(4, 2, 1024),
    },
    source,
  )
  if (values.CLICKHOUSE_ANALYST_PASSWORD !== undefined && values.CLICKHOUSE_USER === 'analyst') {
    throw new EnvironmentError(['CLICKHOUSE_USER: analyst is the name of the read-only user'])
  }
  return {
    port: values.CLICKHOUSE_PORT,
    dataDir: values.CLICKHOUSE_DATA_DIR,
    user: values.CLICKHOUSE_USER,
    password: values.CLICKHOUSE_PASSWORD,
    analystPassword: values.CLICKHOUSE_ANALYST_PASSWORD,
    sessionsMax: Math.min(8, values.UV_THREADPOOL_SIZE - 1),
  }
}
