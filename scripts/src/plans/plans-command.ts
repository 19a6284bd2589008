import type { ParseArgsConfig } from 'node:util'
import type { QuotaLedger } from '@votestream/gateway/quota-ledger'
import type { UsagePlans } from '@votestream/gateway/usage-plans'
import type { OpaqueIds } from '@votestream/schema/opaque-ids'

/** One of the commands of `npm run plans`. */
export interface PlansCommand {
  /** Its words, and what it does. */
  readonly usage: readonly [words: string, does: string]
  readonly options: NonNullable<ParseArgsConfig['options']>
  /** What it takes beside options; named in complaints. */
  readonly takes: readonly string[]
  /** What comes of it, once for a program and once for a person. What it throws is said in a sentence, with exit status 2. */
  run(context: PlansContext, values: Values, positionals: readonly string[]): Promise<Outcome>
}

export type Values = Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>

export interface Outcome {
  readonly json: unknown
  readonly text: string
}

export interface PlansContext {
  readonly plans: UsagePlans
  readonly ledger: Pick<QuotaLedger, 'read'>
  /** The broker's clock. */
  readonly now: () => number
  /** @throws Error where there is no secret to read and write identifiers with. */
  readonly ids: () => OpaqueIds
  /** Undefined where there is no such secret. */
  readonly idsIfAny: OpaqueIds | undefined
}

/** @throws Error that names the option, for what is no number. */
export const numberOf = (option: string, value: Values[string]): number => {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : Number.NaN
  if (Number.isNaN(number))
    throw new Error(`--${option}${value === undefined ? '' : ` ${value}`}: takes a number`)
  return number
}

/** @throws Error that names the option, where it is missing. */
export const textOf = (option: string, value: Values[string]): string => {
  if (typeof value === 'string' && value !== '') return value
  throw new Error(`--${option}: is required`)
}
