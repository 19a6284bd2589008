import { z } from 'zod'

const port = z.coerce.number().int().min(1).max(65_535)

const schema = z.object({
  CLICKHOUSE_PORT: port.default(8123),
  CLICKHOUSE_DATA_DIR: z.string({ error: 'is required: the folder that holds the tables' }).min(1),
  CLICKHOUSE_USER: z.string().min(1).default('default'),
  CLICKHOUSE_PASSWORD: z.string().default(''),
  CLICKHOUSE_ANALYST_PASSWORD: z.string().min(1).optional(),
  // libuv's own variable, read by it before any of our code runs: every query occupies one of these threads.
  UV_THREADPOOL_SIZE: z.coerce.number().int().min(2).max(1024).default(4),
})

export interface Environment {
  port: number
  dataDir: string
  user: string
  password: string
  analystPassword: string | undefined
  /** Queries that may run at the same time. One thread is kept back for compression and files. */
  sessionsMax: number
}

export type EnvironmentOutcome =
  | { kind: 'valid'; environment: Environment }
  | { kind: 'invalid'; faults: string[] }

/** Reads every variable and reports all faults at once. */
export function readEnvironment(variables: NodeJS.ProcessEnv): EnvironmentOutcome {
  const parsed = schema.safeParse(variables)
  if (!parsed.success) {
    return {
      kind: 'invalid',
      faults: parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`),
    }
  }
  const values = parsed.data
  if (values.CLICKHOUSE_ANALYST_PASSWORD !== undefined && values.CLICKHOUSE_USER === 'analyst') {
    return { kind: 'invalid', faults: ['CLICKHOUSE_USER: analyst is the name of the read-only user'] }
  }
  return {
    kind: 'valid',
    environment: {
      port: values.CLICKHOUSE_PORT,
      dataDir: values.CLICKHOUSE_DATA_DIR,
      user: values.CLICKHOUSE_USER,
      password: values.CLICKHOUSE_PASSWORD,
      analystPassword: values.CLICKHOUSE_ANALYST_PASSWORD,
      sessionsMax: Math.min(8, values.UV_THREADPOOL_SIZE - 1),
    },
  }
}
