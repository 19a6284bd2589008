import type { IncomingMessage, ServerResponse } from 'node:http'
import { bearerToken } from './bearer-token.js'
import type { Caller } from './caller.js'
import { parseJson } from './json-body.js'
import type { ProblemAnswer } from './problems.js'
import { submitVoteBody } from './rest/schemas.js'
import type { SubmitVote, SubmitVoteRequest } from './rest/submit-vote.js'
import { createSchemaChecks } from './rest/validation.js'
import { SUBMIT_VOTE_PATH } from './rest/vote-routes.js'
import type { Tokens } from './tokens.js'

/** Answers a request, or leaves it to the router: then it has not been touched. */
export type Door = (request: IncomingMessage, response: ServerResponse) => boolean

export interface VoteDoorOptions {
  readonly tokens: Pick<Tokens, 'verify'>
  readonly submitVote: SubmitVote
  /** The answer to whatever was thrown. */
  readonly answerTo: (error: unknown, url: string) => ProblemAnswer
  /** The server takes no more requests after these. */
  readonly closing: () => boolean
}

/** A vote is some 150 bytes, with everything that may come with it less than this; what is larger is the router's. */
const BODY_BYTES_MAX = 4_096
const ANSWER_TYPE = 'application/json; charset=utf-8'

/**
 * Takes votes in their plainest form in front of the router: the same checks in the same order with the same answers, of
 * the same functions. Routing, hooks and the objects that go with them are a quarter of what a vote costs a gateway.
 */
export const createVoteDoor = ({ tokens, submitVote, answerTo, closing }: VoteDoorOptions): Door => {
  const check = createBodyCheck()

  const answer = (response: ServerResponse, { status, headers, body }: ProblemAnswer): void => {
    if (response.destroyed) return
    // A server that is about to close waits for nobody's next request.
    const ending = closing() ? { connection: 'close' } : {}
    response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body), ...ending }).end(body)
  }

  const refuse = (error: unknown, { url = '' }: IncomingMessage, response: ServerResponse): void =>
    answer(response, answerTo(error, url))

  const cast = async (
    body: Buffer,
    caller: Caller,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> => {
    try {
      const accepted = await submitVote({ body: check(parseJson(body)), headers: request.headers, caller })
      answer(response, {
        status: 200,
        headers: { 'content-type': ANSWER_TYPE },
        body: JSON.stringify(accepted),
      })
    } catch (error) {
      refuse(error, request, response)
    }
  }

  return (request, response) => {
    if (!isPlain(request)) return false
    let caller: Caller
    try {
      // Before the body is read: who has no token is told so whatever the body holds.
      caller = tokens.verify(bearerToken(request.headers.authorization))
    } catch (error) {
      refuse(error, request, response)
      return true
    }
    readBody(request, (body) => void cast(body, caller, request, response))
    return true
  }
}

const isPlain = ({ method, url, headers }: IncomingMessage): boolean =>
  method === 'POST' &&
  url === SUBMIT_VOTE_PATH &&
  headers['content-type'] === 'application/json' &&
  headers['content-encoding'] === undefined &&
  headers['transfer-encoding'] === undefined &&
  Number(headers['content-length']) <= BODY_BYTES_MAX

/** A request that breaks off has no body, and nobody waits for its answer. */
const readBody = (request: IncomingMessage, onBody: (body: Buffer) => void): void => {
  let body: Buffer | undefined
  request.on('data', (chunk: Buffer) => {
    body = body ? Buffer.concat([body, chunk]) : chunk
  })
  request.on('end', () => onBody(body ?? Buffer.alloc(0)))
}

const createBodyCheck = (): ((body: unknown) => SubmitVoteRequest['body']) => {
  const faultOf = createSchemaChecks()(submitVoteBody, true)
  return (body) => {
    const fault = faultOf(body)
    if (fault) throw fault
    // It is as the schema has it.
    return body as SubmitVoteRequest['body']
  }
}
