import type { VoterNumber } from './numbers.js'

/** What is taken back: one token, all tokens of a user, or all there are. */
export type Revoked =
  | { readonly kind: 'token'; readonly tokenId: string }
  | { readonly kind: 'user'; readonly voter: VoterNumber }
  | { readonly kind: 'all' }

/** Stands in the bucket of revocations under the key of what it takes back. */
export interface RevocationRecord {
  readonly version: 1
  /** Tokens that were issued before it, milliseconds since 1970. */
  readonly beforeMs: number
  /** From then on every token that it takes back has expired, and it may be forgotten. */
  readonly untilMs: number
}

/** No token is valid for longer. */
export const TOKEN_LIFE_SECONDS_MAX = 366 * 86_400

/** Records at once, those of tokens and users together: all of them are in the memory of each gateway. */
export const REVOCATIONS_MAX = 100_000

export const revocationKey = (revoked: Revoked): string => {
  switch (revoked.kind) {
    case 'token':
      return `token.${revoked.tokenId}`
    case 'user':
      return `user.${revoked.voter}`
    case 'all':
      return 'all'
  }
}

export const encodeRevocation = (record: RevocationRecord): Uint8Array => Buffer.from(JSON.stringify(record))

/** @throws Error for what is no such record, and for a version that this code does not know. */
export const decodeRevocation = (bytes: Uint8Array): RevocationRecord => {
  const record = JSON.parse(Buffer.from(bytes).toString('utf8')) as RevocationRecord
  if (record.version !== 1) throw new Error(`revocation record of unknown version ${String(record.version)}`)
  const isReadable = [record.beforeMs, record.untilMs].every((ms) => Number.isSafeInteger(ms))
  if (!isReadable) throw new Error('revocation record that is none')
  return record
}
