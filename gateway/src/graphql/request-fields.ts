import { VotestreamError } from '@votestream/schema/errors'
import { FAULTS_MAX } from '../problems.js'

/**
 * What a request for an operation consists of, by the specification of GraphQL over HTTP and in a `subscribe` of
 * graphql-transport-ws. Clients name a document that is stored here in `extensions`; `documentId` is of an appendix that
 * nobody has to implement.
 */
const FIELDS: ReadonlySet<string> = new Set(['query', 'operationName', 'variables', 'extensions'])

const LONGEST_FIELD = 200

/**
 * A field that nobody reads is a mistake of whoever sent it, and better told than passed over: `variable` for `variables`.
 * @param request as it was read; what is no object is somebody else's to refuse
 * @throws VotestreamError INVALID_FIELDS that names each of them
 */
export const refuseUnknownFields = (request: unknown): void => {
  if (typeof request !== 'object' || request === null || Array.isArray(request)) return
  const unknown = Object.keys(request).filter((name) => !FIELDS.has(name))
  if (unknown.length === 0) return
  const fields = unknown.slice(0, FAULTS_MAX).map((name) => ({
    field: name.slice(0, LONGEST_FIELD),
    message: 'is not a field of a GraphQL request',
  }))
  throw new VotestreamError('INVALID_FIELDS', { fields })
}
