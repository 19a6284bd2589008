import { isUtf8 } from 'node:buffer'
import { VotestreamError } from '@votestream/schema/errors'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { parse } from 'secure-json-parse'
import { repeatedKey } from './repeated-keys.js'

/**
 * Bodies are JSON in UTF-8, as they stand: what is encoded otherwise is refused and not guessed at, since a
 * repaired text would be another one than the client's.
 */
export const addJsonParser = (app: FastifyInstance): void => {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    if (!isPlain(request)) return done(new VotestreamError('UNSUPPORTED_MEDIA_TYPE'))
    // Where no body is described, an empty one is none.
    if (body.length === 0 && request.routeOptions.schema?.body === undefined) return done(null, undefined)
    try {
      done(null, parseJson(body))
    } catch (error) {
      done(error as Error)
    }
  })
}

/** @throws VotestreamError INVALID_JSON, also for what `parseJsonText` refuses. */
export const parseJson = (body: Buffer): unknown => {
  if (!isUtf8(body)) throw new VotestreamError('INVALID_JSON')
  return parseJsonText(body.toString('utf8'))
}

/**
 * @throws VotestreamError INVALID_JSON, also for an object that would pass for another one's prototype, and for one that has
 * a name twice, which it says.
 */
export const parseJsonText = (text: string): unknown => {
  let value: unknown
  try {
    value = parse(text, null, { protoAction: 'error', constructorAction: 'error' })
  } catch (cause) {
    throw new VotestreamError('INVALID_JSON', { cause })
  }
  const repeated = repeatedKey(text, value)
  if (repeated === undefined) return value
  throw new VotestreamError('INVALID_JSON', { fields: [{ field: repeated, message: 'is there twice' }] })
}

const PLAIN_TYPE = /^application\/json(?: *; *charset="?utf-8"?)? *$/i

const isPlain = ({ headers }: FastifyRequest): boolean => {
  const { 'content-encoding': encoding = 'identity', 'content-type': type = '' } = headers
  // The common case first: a client that says neither.
  return encoding === 'identity' && (type === 'application/json' || PLAIN_TYPE.test(type))
}
