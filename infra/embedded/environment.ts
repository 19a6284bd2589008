import { z } from 'zod'
import { CLICKHOUSE_ROLES, type ClickhouseRole } from '../src/access/clickhouse-rights.js'
import { EnvironmentError, portVariable, readEnvironment, wholeVariable } from '../src/environment.js'

export interface EmbeddedEnvironment {
  readonly port: number
  readonly dataDir: string
  readonly user: string
  readonly password: string
  /** Of those who may do less than the owner; one who has none is not there. */
  readonly passwords: Readonly<Record<ClickhouseRole, string | undefined>>
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
      CLICKHOUSE_GATEWAY_PASSWORD: z.string().optional(),
      CLICKHOUSE_PROCESSOR_PASSWORD: z.string().optional(),
      // libuv's own variable, read by it before any of our code runs: every query occupies one of these threads.
      UV_THREADPOOL_SIZE: wholeVariable(4, 2, 1024),
    },
    source,
  )
  const { CLICKHOUSE_USER: user } = values
  const passwords = {
    gateway: values.CLICKHOUSE_GATEWAY_PASSWORD,
    processor: values.CLICKHOUSE_PROCESSOR_PASSWORD,
    analyst: values.CLICKHOUSE_ANALYST_PASSWORD,
  }
  if (CLICKHOUSE_ROLES.some((role) => role === user && passwords[role] !== undefined)) {
    throw new EnvironmentError([`CLICKHOUSE_USER: ${user} is the name of a user with less rights`])
  }
  return {
    port: values.CLICKHOUSE_PORT,
    dataDir: values.CLICKHOUSE_DATA_DIR,
    user,
    password: values.CLICKHOUSE_PASSWORD,
    passwords,
    sessionsMax: Math.min(8, values.UV_THREADPOOL_SIZE - 1),
  }
}
