import { QUOTA_PERIODS, type QuotaPeriod } from './usage-plan.js'

/**
 * What was taken of a key's quota in one period; the next period's record takes its place. Stands in the bucket of quotas
 * under the key's id, and is only ever written over the revision that was read.
 */
export interface QuotaRecord {
  readonly version: 1
  readonly period: QuotaPeriod
  /** When the period began, milliseconds since 1970. */
  readonly startMs: number
  /** What nobody can take any more. Never more than the limit was. */
  readonly taken: number
  /** The part of it that gateways took ahead of need: used, or given back, within about a second. */
  readonly held: number
}

export const encodeQuota = (record: QuotaRecord): Uint8Array => Buffer.from(JSON.stringify(record))

/** @throws Error for what is no such record, and for a version that this code does not know. */
export const decodeQuota = (bytes: Uint8Array): QuotaRecord => {
  const record = JSON.parse(Buffer.from(bytes).toString('utf8')) as QuotaRecord
  if (record.version !== 1) throw new Error(`quota record of unknown version ${String(record.version)}`)
  const { period, startMs, taken, held } = record
  const isReadable =
    QUOTA_PERIODS.includes(period) && [startMs, taken, held].every((value) => Number.isSafeInteger(value))
  if (!isReadable) throw new Error('quota record that is none')
  return record
}
