import { delimiter, resolve } from 'node:path'
import { IDENTITIES, passwordVariable } from '@votestream/infra/access/identities'
import {
  EnvironmentError,
  portVariable,
  readEnvironment as readVariables,
  wholeVariable,
} from '@votestream/infra/environment'
import { SHARDS_MAX } from '@votestream/schema/numbers'
import { z } from 'zod'

const serverUrl = z.url().optional()
const text = z.string().optional()

/** Passwords of single services, for servers that are not ours and know them; ours are given them. */
const identityPasswords = <Store extends 'NATS' | 'REDIS' | 'CLICKHOUSE'>(store: Store) =>
  // Every identity has its variable in it.
  Object.fromEntries(IDENTITIES.map((identity) => [passwordVariable(store, identity), text])) as Record<
    ReturnType<typeof passwordVariable<Store>>,
    typeof text
  >

const variables = {
  GATEWAY_PORT: portVariable(4000),
  // One address or several, apart by commas.
  NATS_URL: text,
  NATS_PORT: portVariable(4222),
  NATS_USER: text,
  NATS_PASSWORD: text,
  REDIS_URL: serverUrl,
  REDIS_PORT: portVariable(6379),
  REDIS_USER: text,
  REDIS_PASSWORD: text,
  CLICKHOUSE_URL: serverUrl,
  CLICKHOUSE_PORT: portVariable(8123),
  CLICKHOUSE_USER: z.string().default('default'),
  CLICKHOUSE_PASSWORD: text,
  CLICKHOUSE_ANALYST_PASSWORD: text,
  ...identityPasswords('NATS'),
  ...identityPasswords('REDIS'),
  ...identityPasswords('CLICKHOUSE'),
  DATA_DIR: z.string().default('.data'),
  JWT_SECRET: text,
  ID_SECRET: text,
  ADMIN_USERNAME: text,
  ADMIN_PASSWORD: text,
  GATEWAY_METRICS_PORT: portVariable(9401),
  INGEST_METRICS_PORT: portVariable(9402),
  PROCESSOR_METRICS_PORT: portVariable(9403),
  GATEWAY_WORKERS: wholeVariable(1, 1, 256),
  TLS_CERT_FILE: text,
  TLS_KEY_FILE: text,
  DRAIN_SECONDS: wholeVariable(1, 0, 600),
  SHARDS: wholeVariable(2, 1, SHARDS_MAX),
  TOKEN_TTL: z.string().default('24h'),
  LOG_LEVEL: z.string().default('info'),
  DIAGNOSTICS_TOKEN: text,
  /** Whether services leave the names of their functions where perf and eBPF tools look for them. */
  PERF_MAPS: z.stringbool('must be true or false').default(false),
  NODE_ENV: z.string().default('development'),
}

export type Environment = z.infer<z.ZodObject<typeof variables>>

const requiredInProduction = ['JWT_SECRET', 'ID_SECRET'] as const

/**
 * What the variables say, with relative folders made absolute from `workingFolder`. An empty variable counts
 * as unset. Throws an EnvironmentError that names every fault at once.
 */
export function parseEnvironment(source: NodeJS.ProcessEnv, workingFolder: string): Environment {
  const environment = readVariables(variables, source)
  if (environment.NODE_ENV === 'production') {
    const missing = requiredInProduction.filter((name) => environment[name] === undefined)
    if (missing.length > 0)
      throw new EnvironmentError(missing.map((name) => `${name}: required in production`))
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

/**
 * The limits of a gateway that one machine's clients are to come up against nothing but the machine: as high as they can be
 * set. Nothing switches them off.
 */
export const RAISED_LIMITS = {
  RATE_LIMIT: '250000',
  RATE_BURST: '250000',
  USER_RATE_LIMIT: '250000',
  USER_RATE_BURST: '250000',
  ADDRESS_RATE_LIMIT: '250000',
  ADDRESS_RATE_BURST: '250000',
} as const

/** As a line to be shown with whatever was measured under them. */
export const raisedLimitsText = (): string =>
  `Limits: ${Object.entries(RAISED_LIMITS)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')}`

/** The same without any variable of ours, so that a test sees nothing but what it sets itself, and with raised limits. */
export function variablesForTests(): NodeJS.ProcessEnv {
  const ours = new Set(Object.keys(variables))
  const others = Object.entries(process.env).filter(([name]) => !ours.has(name))
  return { ...Object.fromEntries(others), ...RAISED_LIMITS }
}

/** Where programs are looked for. */
export function searchFolders(): string[] {
  return (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '')
}

/** Whether somebody who has no Chromium chose to leave out the tests that need one. */
export function skipsBrowserTests(): boolean {
  return process.env.VOTESTREAM_SKIP_BROWSER === '1'
}

/** Which inputs a test generates, and for how long. */
export function generatedInputs(): { readonly seed: number; readonly seconds: number } {
  const { GENERATED_SEED, GENERATED_SECONDS } = readVariables(
    { GENERATED_SEED: wholeVariable(7, 0, 2 ** 31 - 1), GENERATED_SECONDS: wholeVariable(20, 1, 86_400) },
    process.env,
  )
  return { seed: GENERATED_SEED, seconds: GENERATED_SECONDS }
}
