import type { Outcome, Series } from './protocol.js'

/** What became of a request that nobody answered, or that could not be sent in time. */
export const TIMED_OUT: Outcome = { is: 'unanswered', code: 'timeout' }
export const CONNECTION_LOST: Outcome = { is: 'unanswered', code: 'connection lost' }
export const MALFORMED_ANSWER: Outcome = { is: 'unanswered', code: 'malformed answer' }
export const NOT_SENT: Outcome = { is: 'unsent', code: 'not sent in time' }

/** What became of a request that was answered. */
export const outcomeOf = (success: Series['success'], status: number, body: Buffer): Outcome => {
  const isFine = status >= 200 && status < 300
  if (isFine && (success === 'status' || !body.includes('"errors"'))) return acknowledged(status)
  const code = codeOf(body)
  // The word stood in the data, and not in the place of errors.
  if (isFine && code === undefined) return acknowledged(status)
  return { is: 'refused', code: code ? `${status} ${code}` : String(status) }
}

const fine = new Map<number, Outcome>()
const acknowledged = (status: number): Outcome => {
  let outcome = fine.get(status)
  if (!outcome) {
    outcome = { is: 'acknowledged', code: String(status) }
    fine.set(status, outcome)
  }
  return outcome
}

/** The code of a problem document, or of the first error of GraphQL; '' for one without; undefined: it is neither. */
const codeOf = (body: Buffer): string | undefined => {
  const answer = parse(body)
  if (answer === null) return undefined
  if (answer.errors === undefined) return textOf(answer.code)
  const errors: unknown[] = Array.isArray(answer.errors) ? answer.errors : []
  const extensions = recordOf(recordOf(errors[0])?.extensions)
  return textOf(extensions?.code) ?? ''
}

const parse = (body: Buffer): Readonly<Record<string, unknown>> | null => {
  try {
    return recordOf(JSON.parse(body.toString())) ?? null
  } catch {
    return null
  }
}

const recordOf = (value: unknown): Readonly<Record<string, unknown>> | undefined =>
  // An object of JSON, looked at field by field.
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
