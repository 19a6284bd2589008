import { z } from 'zod'
import { LOG_LEVELS } from './log-levels.js'
import { loginOf, type StoreLogin } from './store-login.js'

/** Everything that is wrong with a service's environment, reported at once. */
export class EnvironmentError extends Error {
  override readonly name = 'EnvironmentError'

  /** @param faults one for each variable, its name first. */
  constructor(faults: readonly string[]) {
    super(['The environment is not usable:', ...faults].join('\n  '))
  }
}

/**
 * A service's configuration out of its environment. An empty variable counts as unset.
 * @throws EnvironmentError that names each faulty variable.
 */
export const readEnvironment = <Shape extends z.ZodRawShape>(
  shape: Shape,
  source: Readonly<Record<string, string | undefined>>,
): z.infer<z.ZodObject<Shape>> => {
  const given = Object.fromEntries(Object.entries(source).filter(([, value]) => value !== ''))
  const result = z.object(shape).safeParse(given)
  if (result.success) return result.data
  throw new EnvironmentError(result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`))
}

/** A TCP port; 0 lets the system choose. */
export const portVariable = (fallback: number) => z.coerce.number().int().min(0).max(65_535).default(fallback)

/** A whole number with its unit in the variable's name. */
export const wholeVariable = (fallback: number, min: number, max: number) =>
  z.coerce.number().int().min(min).max(max).default(fallback)

/** The same for what is left out unless it is set. */
export const optionalWholeVariable = (min: number, max: number) =>
  z.coerce.number().int().min(min).max(max).optional()

/** What every service reads. */
export const commonVariables = {
  NODE_ENV: z.enum(['production', 'development', 'test']).default('development'),
  LOG_LEVEL: z.enum(LOG_LEVELS).default('info'),
  /** Lines of one kind; how many more there were is told. */
  LOG_LINES_PER_SECOND_MAX: wholeVariable(50, 1, 1_000_000),
  /** What profiles and the change of the log's level ask for on the private port; without it they are not there. */
  DIAGNOSTICS_TOKEN: z
    .string()
    .regex(/^[\x21-\x7e]{32,}$/, 'must have at least 32 characters, printable ASCII without blanks')
    .optional(),
  /** Whether samples of what is allocated are taken from the start on. */
  HEAP_PROFILE: z.stringbool('must be true or false').default(false),
  NATS_URL: z.string().default('nats://127.0.0.1:4222'),
  /** Nobody where it is not set, or whom the address names. */
  NATS_USER: z.string().optional(),
  NATS_PASSWORD: z.string().optional(),
  /** Unique among the live instances; one that stays the same over a restart finds its leases again at once. */
  INSTANCE_NAME: z.string().min(1).optional(),
  SHARDS: wholeVariable(2, 1, 64),
  /** Where `/healthz`, `/readyz` and `/metrics` are offered: they tell much, and ask nobody who they are. */
  METRICS_HOST: z.string().default('127.0.0.1'),
  /** Copies of streams and buckets: 1 on one machine, 3 in a cluster. */
  NATS_REPLICAS: z.coerce
    .number()
    .pipe(z.union([z.literal(1), z.literal(3), z.literal(5)]))
    .default(1),
}
export const redisVariables = {
  REDIS_URL: z.string().default('redis://127.0.0.1:6379'),
  REDIS_USER: z.string().optional(),
  REDIS_PASSWORD: z.string().optional(),
}
export const clickhouseVariables = {
  CLICKHOUSE_URL: z.url().default('http://127.0.0.1:8123'),
  CLICKHOUSE_USER: z.string().default('default'),
  CLICKHOUSE_PASSWORD: z.string().default(''),
}

/** Where NATS is, and as whom to connect. */
export const natsAddress = (values: Variables<'NATS'>): { readonly url: string } & StoreLogin => ({
  url: values.NATS_URL,
  ...loginOf(values.NATS_USER, values.NATS_PASSWORD),
})

/** Where Redis is, and as whom to connect. */
export const redisAddress = (values: Variables<'REDIS'>): { readonly url: string } & StoreLogin => ({
  url: values.REDIS_URL,
  ...loginOf(values.REDIS_USER, values.REDIS_PASSWORD),
})

type Variables<Store extends string> = Readonly<Record<`${Store}_URL`, string>> &
  Readonly<Partial<Record<`${Store}_USER` | `${Store}_PASSWORD`, string | undefined>>>
