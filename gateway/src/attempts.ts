import { createHash } from 'node:crypto'
import { invalidField } from '@votestream/schema/errors'
import { ATTEMPT_LIMIT } from '@votestream/schema/votes'

const KEY = /^[\x20-\x7e]{1,200}$/
const TRACE_PARENT = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?$/

/**
 * The number of a client's attempt: the same key gives the same one, so that a client which repeats a vote
 * with its key gets the first one's answer. Without a key every request is an attempt of its own; chance
 * suffices, because attempts are only ever compared among one voter's in one event.
 * @throws VotestreamError INVALID_FIELDS for a key that is too long or not printable ASCII.
 */
export const attemptOf = (idempotencyKey: string | string[] | undefined): number => {
  if (idempotencyKey === undefined) return Math.floor(Math.random() * ATTEMPT_LIMIT)
  if (typeof idempotencyKey !== 'string' || !KEY.test(idempotencyKey)) {
    throw invalidField('Idempotency-Key', 'must have 1 to 200 printable ASCII characters')
  }
  const digest = createHash('sha256').update(idempotencyKey).digest()
  // Seven bytes are 56 bits: the uppermost 52 of them.
  return digest.readUIntBE(0, 6) * 16 + (digest.readUInt8(6) >> 4)
}

/** The trace id of a W3C `traceparent` header; empty when there is none that is valid. */
export const traceIdOf = (traceParent: string | string[] | undefined): string => {
  if (typeof traceParent !== 'string') return ''
  const match = TRACE_PARENT.exec(traceParent)
  // Version 00 ends after the flags; later versions may go on.
  if (!match || (match[1] === '00' && match[3] !== undefined)) return ''
  return match[2] ?? ''
}
