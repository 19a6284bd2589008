import { VotestreamError } from '@votestream/schema/errors'
import type { FastifyInstance } from 'fastify'
import type { Deadline, Deadlines, OpenDeadline } from './deadlines.js'
import type { RequestLog } from './request-log.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** How long its client waits for the answer. */
    deadline: OpenDeadline
  }
  interface FastifyContextConfig {
    /** Ends when its client leaves. */
    untimed?: boolean
  }
}

/**
 * A request gets 504 when its time is up, and what is done for it ends then. The framework's own timeout takes a request
 * whose body has arrived for one whose client has left, and forgets it.
 */
export const timeRequests = (
  app: FastifyInstance,
  deadlines: Pick<Deadlines, 'begin'>,
  requestLog: RequestLog,
): void => {
  // Set before any handler runs.
  app.decorateRequest('deadline', null as never)
  app.addHook('onRequest', (request, reply, next) => {
    const { untimed = false } = request.routeOptions.config
    const deadline = untimed ? UNTIMED : deadlines.begin(() => expire(reply))
    request.deadline = deadline
    // When its client has left before, and when all was sent.
    reply.raw.once('close', () => {
      if (!reply.raw.writableFinished) return deadline.leave()
      deadline.done()
      // What lasts as long as somebody looks is neither slow nor quick.
      if (!untimed) requestLog.answered(request.raw, reply.raw.statusCode, deadline.beganAtMs)
    })
    next()
  })
}

/** What is being sent already goes on. */
const expire = (reply: { readonly sent: boolean; send(error: Error): unknown }): void => {
  if (!reply.sent) reply.send(new VotestreamError('TIMEOUT'))
}

const NEVER = new AbortController().signal
const FOR_EVER: Deadline = { over: false, signal: () => NEVER }
const UNTIMED: OpenDeadline = { ...FOR_EVER, beganAtMs: 0, done: () => true, leave: () => undefined }
