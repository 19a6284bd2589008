import { isUtf8 } from 'node:buffer'
import { VotestreamError } from '@votestream/schema/errors'
import type { FastifyInstance, FastifyRequest } from 'fastify'

/**
 * Bodies are JSON in UTF-8, as they stand: what is encoded otherwise is refused and not guessed at, since a
 * repaired text would be another one than the client's.
 */
export const addJsonParser = (app: FastifyInstance): void => {
  app.removeAllContentTypeParsers()
  const parse = app.getDefaultJsonParser('error', 'error')
  app.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    if (!isPlain(request)) return done(new VotestreamError('UNSUPPORTED_MEDIA_TYPE'))
    // Where no body is described, an empty one is none.
    if (body.length === 0 && request.routeOptions.schema?.body === undefined) return done(null, undefined)
    if (!isUtf8(body)) return done(new VotestreamError('INVALID_JSON'))
    parse(request, body.toString('utf8'), done)
  })
}

const PLAIN_TYPE = /^application\/json(?: *; *charset="?utf-8"?)? *$/i

const isPlain = ({ headers }: FastifyRequest): boolean => {
  const { 'content-encoding': encoding = 'identity', 'content-type': type = '' } = headers
  // The common case first: a client that says neither.
  return encoding === 'identity' && (type === 'application/json' || PLAIN_TYPE.test(type))
}
