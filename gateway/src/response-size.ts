import { VotestreamError } from '@votestream/schema/errors'
import type { FastifyInstance } from 'fastify'

/** Answers of routes that would be larger fail as any other request does. Streams of events and files are exempt. */
export const boundResponses = (app: FastifyInstance, bytesMax: number): void => {
  app.addHook('onSend', (_request, _reply, payload: unknown, next) => {
    if (sizeOf(payload, bytesMax) > bytesMax) next(new VotestreamError('RESPONSE_TOO_LARGE'))
    else next()
  })
}

/** A character has three bytes at most: nearly every text is known to be small without looking at it. */
const sizeOf = (payload: unknown, bytesMax: number): number => {
  if (typeof payload === 'string') return 3 * payload.length > bytesMax ? Buffer.byteLength(payload) : 0
  return Buffer.isBuffer(payload) ? payload.length : 0
}
