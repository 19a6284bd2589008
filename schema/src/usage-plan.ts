import type { FieldFault } from './errors.js'

/** What the keys of a plan may do. Stands in the bucket of usage plans under its name. */
export interface PlanRecord extends PlanDraft {
  readonly version: 1
  readonly createdAtMs: number
}

export interface PlanDraft {
  /** 1 to 64 lower-case letters, digits, `-` and `_`: it is also a label of metrics. */
  readonly name: string
  /** Requests a second in the long run; may be a fraction. */
  readonly ratePerSecond: number
  /** Requests at once. */
  readonly burst: number
  /** Null: no other limit than the rate. */
  readonly quota: Quota | null
}

export interface Quota {
  /** Requests in one period. */
  readonly limit: number
  readonly period: QuotaPeriod
}

/** Calendar days, weeks (from Monday) and months, in UTC. */
export const QUOTA_PERIODS = ['day', 'week', 'month'] as const
export type QuotaPeriod = (typeof QUOTA_PERIODS)[number]

/** As many as a managed gateway allows; they are labels of metrics, too. */
export const PLANS_MAX = 300
/** The ceiling of one account in one region. */
const RATE_MAX = 250_000
const RATE_MIN = 0.01
const QUOTA_MAX = 1_000_000_000_000
const NAME = /^[a-z0-9][a-z0-9_-]{0,63}$/

export const planNameFaults = (field: string, name: unknown): FieldFault[] =>
  typeof name === 'string' && NAME.test(name)
    ? []
    : [
        {
          field,
          message: 'must be 1 to 64 lower-case letters, digits, - and _, the first a letter or a digit',
        },
      ]

/** What is wrong with a plan, by the names of its fields; empty when it is one. */
export const planFaults = (draft: { readonly [Field in keyof PlanDraft]: unknown }): FieldFault[] => [
  ...planNameFaults('name', draft.name),
  ...(isBetween(draft.ratePerSecond, RATE_MIN, RATE_MAX)
    ? []
    : [{ field: 'ratePerSecond', message: `must be a number from ${RATE_MIN} to ${RATE_MAX}` }]),
  ...wholeFaults('burst', draft.burst, RATE_MAX),
  ...(draft.quota === null ? [] : quotaFaults(draft.quota)),
]

const quotaFaults = (quota: unknown): FieldFault[] => {
  const { limit, period } = (typeof quota === 'object' && quota !== null ? quota : {}) as Partial<Quota>
  return [
    ...wholeFaults('quota.limit', limit, QUOTA_MAX),
    ...(QUOTA_PERIODS.some((each) => each === period)
      ? []
      : [{ field: 'quota.period', message: `must be one of ${QUOTA_PERIODS.join(', ')}` }]),
  ]
}

const wholeFaults = (field: string, value: unknown, max: number): FieldFault[] =>
  Number.isInteger(value) && isBetween(value, 1, max)
    ? []
    : [{ field, message: `must be a whole number from 1 to ${max}` }]

const isBetween = (value: unknown, min: number, max: number): boolean =>
  typeof value === 'number' && value >= min && value <= max

const KEY_PREFIX = 'plan.'
export const PLAN_KEYS = `${KEY_PREFIX}*`
export const planKey = (name: string): string => `${KEY_PREFIX}${name}`
export const isPlanKey = (key: string): boolean => key.startsWith(KEY_PREFIX)
export const planNameOf = (key: string): string => key.slice(KEY_PREFIX.length)

export const encodePlan = (plan: PlanRecord): Uint8Array => Buffer.from(JSON.stringify(plan))

/** @throws Error for what is no plan, and for a version that this code does not know. */
export const decodePlan = (bytes: Uint8Array): PlanRecord => {
  const record = JSON.parse(Buffer.from(bytes).toString('utf8')) as PlanRecord
  if (record.version !== 1) throw new Error(`plan record of unknown version ${String(record.version)}`)
  const [fault] = planFaults(record)
  if (fault) throw new Error(`plan record: ${fault.field} ${fault.message}`)
  return record
}
