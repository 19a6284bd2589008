import { createHmac } from 'node:crypto'
import type { Logger } from '@votestream/infra/logging'
import { normalizeUsername } from '@votestream/schema/account-record'
import type { VotestreamError } from '@votestream/schema/errors'
import { Counter, type Registry } from 'prom-client'
import type { Tokens } from './tokens.js'

/** What happened, with the sentence that its lines carry. */
export const SECURITY_EVENTS = {
  'login-succeeded': 'somebody logged in',
  'login-failed': 'a login failed',
  'login-throttled': 'a login was put off: too many have failed',
  registered: 'an account was registered',
  'token-refused': 'a token was refused',
  'scope-refused': 'a valid token was used for what it does not allow',
  'operation-refused': 'an operation was refused that is not registered',
  'token-revoked': 'a token was taken back',
  'user-revoked': 'all tokens of a user were taken back',
  'all-tokens-revoked': 'all tokens were taken back',
  'key-rotated': 'the key that signs tokens was exchanged',
  'key-retired': 'a key of tokens was ended',
} as const

export type SecurityEvent = keyof typeof SECURITY_EVENTS

/**
 * What a line may hold: never a name, a password, an email address or a token. Addresses are told as they are, since operators
 * act on them.
 */
export interface SecurityDetails {
  readonly userId?: string
  /** Names an account without telling its username: see `pseudonyms`. */
  readonly account?: string
  readonly address?: string
  readonly reason?: string
  readonly operation?: string
  /** Names a key of tokens without telling it: see `keyId`. */
  readonly key?: string
}

export interface SecurityEvents {
  /** @param details asked for only where a line is written */
  note(event: SecurityEvent, details?: () => SecurityDetails): void
}

export const NO_SECURITY_EVENTS: SecurityEvents = { note: () => undefined }

/** An answer that is such an event in itself; most are not. */
export const noteRefusal = (
  security: SecurityEvents,
  { code }: VotestreamError,
  details: () => SecurityDetails,
): void => {
  if (code === 'WRONG_SCOPE' || code === 'WRONG_USER')
    security.note('scope-refused', () => ({ reason: code, ...details() }))
  else if (code === 'OPERATION_NOT_REGISTERED') security.note('operation-refused', details)
}

/** The same tokens; one that is refused is told of. */
export const watchTokens = <Verifier extends Pick<Tokens, 'verify'>>(
  tokens: Verifier,
  security: SecurityEvents,
): Verifier => ({
  ...tokens,
  verify(token) {
    try {
      return tokens.verify(token)
    } catch (error) {
      security.note('token-refused', () => ({ reason: apparentReason(token) }))
      throw error
    }
  },
})

const JWT = /^[\w-]+\.([\w-]+)\.[\w-]+$/

/** What a refused token looks like. It may say of itself what it likes: this is for people who read the log. */
const apparentReason = (token: string): string => {
  const claims = JWT.exec(token)?.[1]
  if (claims === undefined) return 'no JWT'
  try {
    const read = JSON.parse(Buffer.from(claims, 'base64url').toString()) as { exp?: unknown } | null
    return typeof read?.exp === 'number' && read.exp * 1_000 <= Date.now()
      ? 'it says that it has expired'
      : 'not valid'
  } catch {
    return 'no JWT'
  }
}

interface SecurityEventsOptions {
  readonly logger: Logger
  readonly registry: Registry
  /** Lines of one kind in one second; the rest are counted, and the count is told when the second is over. */
  readonly linesPerSecondMax?: number
  /** Runs something after a time, in milliseconds. */
  readonly later?: (work: () => void, ms: number) => void
}

const WINDOW_MS = 1_000

/** A structured line for each event, bounded so that a flood of them is no attack on the log, and a metric that has them all. */
export const createSecurityEvents = ({
  logger,
  registry,
  linesPerSecondMax = 10,
  later = (work, ms) => void setTimeout(work, ms).unref(),
}: SecurityEventsOptions): SecurityEvents => {
  const total = new Counter({
    registers: [registry],
    name: 'votestream_security_events_total',
    help: 'Logins, refused tokens and what else concerns security, by kind',
    labelNames: ['event'],
  })
  for (const event of Object.keys(SECURITY_EVENTS)) total.inc({ event }, 0)
  /** Of the second that runs: one of each kind at most. */
  const seen = new Map<SecurityEvent, number>()

  const end = (event: SecurityEvent): void => {
    const suppressed = (seen.get(event) ?? 0) - linesPerSecondMax
    seen.delete(event)
    if (suppressed > 0) logger.warn({ 'event.action': event, suppressed }, 'more of these were not written')
  }

  return {
    note(event, details) {
      total.inc({ event })
      const count = (seen.get(event) ?? 0) + 1
      seen.set(event, count)
      if (count === 1) later(() => end(event), WINDOW_MS)
      if (count <= linesPerSecondMax) logger.info(lineOf(event, details?.()), SECURITY_EVENTS[event])
    },
  }
}

/** By the names of the Elastic Common Schema, where it has one. */
const lineOf = (event: SecurityEvent, details: SecurityDetails = {}): Record<string, unknown> => {
  const { userId, address, reason, ...own } = details
  return {
    'event.action': event,
    ...(userId === undefined ? {} : { 'user.id': userId }),
    ...(address === undefined ? {} : { 'client.address': address }),
    ...(reason === undefined ? {} : { 'event.reason': reason }),
    ...own,
  }
}

/**
 * Names accounts in the log: always the same for the same username, and not to be found out without the secret.
 * @returns 16 URL-safe characters
 */
export const pseudonyms =
  (secret: string) =>
  (username: string): string =>
    createHmac('sha256', secret)
      .update(`account in the log: ${normalizeUsername(username)}`)
      .digest('base64url')
      .slice(0, 16)
