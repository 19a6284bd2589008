import { resolve } from 'node:path'
import { z } from 'zod'

const port = (defaultPort: number) => z.coerce.number().int().min(1).max(65_535).default(defaultPort)
const serverUrl = z.url().optional()
const text = z.string().min(1).optional()

const environmentSchema = z.object({
  GATEWAY_PORT: port(4000),
  // One address or several, apart by commas.
  NATS_URL: text,
  NATS_PORT: port(4222),
  REDIS_URL: serverUrl,
  REDIS_PORT: port(6379),
  CLICKHOUSE_URL: serverUrl,
  CLICKHOUSE_PORT: port(8123),
  CLICKHOUSE_USER: z.string().min(1).default('default'),
  CLICKHOUSE_PASSWORD: z.string().optional(),
  CLICKHOUSE_ANALYST_PASSWORD: text,
  DATA_DIR: z.string().min(1).default('.data'),
  JWT_SECRET: text,
  ID_SECRET: text,
  ADMIN_USERNAME: text,
  ADMIN_PASSWORD: text,
  GATEWAY_METRICS_PORT: port(9401),
  INGEST_METRICS_PORT: port(9402),
  PROCESSOR_METRICS_PORT: port(9403),
  GATEWAY_WORKERS: z.coerce.number().int().min(1).max(256).default(1),
  SHARDS: z.coerce.number().int().min(1).max(1024).default(2),
  TOKEN_TTL: z.string().min(1).default('24h'),
  LOG_LEVEL: z.string().min(1).default('info'),
  NODE_ENV: z.string().default('development'),
})

export type Environment = z.infer<typeof environmentSchema>

export class EnvironmentError extends Error {}

const requiredInProduction = ['JWT_SECRET', 'ID_SECRET'] as const

/**
 * What the variables say, with relative folders made absolute from `workingFolder`. An empty variable counts
 * as unset. Throws an EnvironmentError that names every fault at once.
 */
export function parseEnvironment(variables: NodeJS.ProcessEnv, workingFolder: string): Environment {
  const given = Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== ''))
  const result = environmentSchema.safeParse(given)
  if (!result.success) {
    throw faults(result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`))
  }
  const environment = result.data
  if (environment.NODE_ENV === 'production') {
    const missing = requiredInProduction.filter((name) => environment[name] === undefined)
    if (missing.length > 0) throw faults(missing.map((name) => `${name}: required in production`))
  }
  return { ...environment, DATA_DIR: resolve(workingFolder, environment.DATA_DIR) }
}

/** The environment of this process; the one place of the commands that reads it. */
export function readEnvironment(workingFolder: string): Environment {
  return parseEnvironment(process.env, workingFolder)
}

/** Whether `npm start` (and not a person, or another program) is this process's parent. */
export function isRunByNpm(): boolean {
  return process.env.npm_lifecycle_event !== undefined
}

/** Everything this process was given, to be handed on to a child. */
export function inheritedVariables(): NodeJS.ProcessEnv {
  return { ...process.env }
}

/** The same without any variable of ours, so that a test sees nothing but what it sets itself. */
export function variablesForTests(): NodeJS.ProcessEnv {
  const ours = new Set(Object.keys(environmentSchema.shape))
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !ours.has(name)))
}

function faults(lines: readonly string[]): EnvironmentError {
  return new EnvironmentError(`The environment has faults:\n${lines.map((line) => `  ${line}`).join('\n')}`)
}
