import { STATUS_CODES } from 'node:http'
import { ERRORS, type ErrorCode, type FieldFault, VotestreamError } from '@votestream/schema/errors'
import { comeAgainFields } from './admission/rate-limit-fields.js'

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8'

/** Faults named in one answer at most. */
export const FAULTS_MAX = 50

/** RFC 9457 problem details. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code: ErrorCode
  readonly errors?: readonly FieldFault[]
  readonly vote_id?: string
}

export interface ProblemAnswer {
  readonly code: ErrorCode
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export const problemAnswer = (error: VotestreamError): ProblemAnswer => {
  const { code, status, fields, voteId } = error
  const problem: Problem = {
    type: 'about:blank',
    title: STATUS_CODES[status] ?? 'Error',
    status,
    detail: ERRORS[code].sentence,
    code,
    ...(fields.length > 0 ? { errors: fields.slice(0, FAULTS_MAX) } : {}),
    ...(voteId === undefined ? {} : { vote_id: voteId }),
  }
  return {
    code,
    status,
    headers: {
      'content-type': PROBLEM_TYPE,
      ...(status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
      ...comeAgainFields(error),
    },
    body: JSON.stringify(problem),
  }
}

const FRAMEWORK_CODES: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_INVALID_JSON_BODY: 'INVALID_JSON',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'INVALID_JSON',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'UNSUPPORTED_MEDIA_TYPE',
  FST_ERR_CTP_BODY_TOO_LARGE: 'PAYLOAD_TOO_LARGE',
}

/** Whatever was thrown, as the client is told of it. What nobody foresaw is INTERNAL, with its cause. */
export const toVotestreamError = (error: unknown): VotestreamError => {
  if (error instanceof VotestreamError) return error
  const { code, statusCode } = error instanceof Error ? (error as FrameworkError) : {}
  const known = code === undefined ? undefined : FRAMEWORK_CODES[code]
  if (known) return new VotestreamError(known, { cause: error })
  const isClients = statusCode !== undefined && statusCode >= 400 && statusCode < 500
  return new VotestreamError(isClients ? 'INVALID_REQUEST' : 'INTERNAL', { cause: error })
}

interface FrameworkError extends Error {
  readonly code?: string
  readonly statusCode?: number
}
