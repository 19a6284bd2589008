import type { IncomingMessage } from 'node:http'
import type { Door } from '../doors.js'
import { parseJson } from '../json-body.js'
import { GRAPHQL_TYPE, JSON_TYPE } from './answer-types.js'
import type { GraphqlContext } from './context.js'
import { GRAPHQL_PATH } from './graphql-path.js'
import { type KnownOperations, plainOperationOf } from './known-operations.js'

interface OperationDoorOptions {
  readonly known: KnownOperations
  /** @throws Error for a token that is not valid. */
  readonly contextOf: (request: IncomingMessage) => GraphqlContext
}

const APOLLO_CLIENT_ACCEPTS = `${GRAPHQL_TYPE},${JSON_TYPE};q=0.9`

/**
 * Operations that were found valid before, in the form in which clients send them: Apollo Server would do the same with
 * them, for more than is left then. Everything else is its own, and every failure before an operation runs.
 */
export const createOperationDoor = ({ known, contextOf }: OperationDoorOptions): Door => ({
  url: GRAPHQL_PATH,
  take(request, body) {
    const type = answerTypeOf(request.headers)
    if (type === undefined) return undefined
    let answer: Promise<string> | undefined
    try {
      const operation = plainOperationOf(parseJson(body))
      answer = operation && known.answer(operation, () => contextOf(request))
    } catch {
      // What is wrong with it is said by whom it is left to.
      return undefined
    }
    const answerHeaders = { 'content-type': `${type}; charset=utf-8` }
    return answer?.then((text) => ({ status: 200, headers: answerHeaders, body: text }))
  },
})

/** What the answer is called; undefined where that is to be found out. */
const answerTypeOf = ({ accept }: IncomingMessage['headers']): string | undefined => {
  if (accept === undefined || accept === '*/*' || accept === JSON_TYPE) return JSON_TYPE
  return accept === APOLLO_CLIENT_ACCEPTS ? GRAPHQL_TYPE : undefined
}
