import type { OutgoingHttpHeaders } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@fastify/type-provider-typebox'
import { VotestreamError } from '@votestream/schema/errors'
import { requireIds } from '../identifiers.js'
import type { Payload } from '../live/broadcasts.js'
import type { LiveConnections } from '../live/open-counts.js'
import { problemAnswer, toVotestreamError } from '../problems.js'
import { watchExpiry } from '../token-expiry.js'
import { noneMatch } from './conditional.js'
import { eventOf, openEventStream } from './event-stream.js'
import { createLeaderboardBodies } from './leaderboard-bodies.js'
import type { RestDeps } from './routes.js'
import * as schemas from './schemas.js'

const FAILURES = [
  'INVALID_ID',
  'UNAUTHENTICATED',
  'WRONG_SCOPE',
  'EVENT_NOT_FOUND',
  'RESULTS_UNAVAILABLE',
] as const

/** The leaderboard: as it is, and as it changes. */
export const leaderboardRoutes =
  ({
    events,
    ids,
    liveBoards,
    broadcasts,
    connections,
    tokens,
    leaderboardMaxAgeSeconds,
    expiryGraceMs,
    drainMs,
  }: RestDeps): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    const bodies = createLeaderboardBodies()
    const streams = new Set<() => void>()
    let stopping = false
    const cacheControl = `public, max-age=${leaderboardMaxAgeSeconds}`
    const parse = (eventId: string) => requireIds({ event_id: ids.parseEventId(eventId) }).event_id

    app.get(
      '/v1/event/:event_id/leaderboard',
      {
        schema: {
          operationId: 'leaderboard',
          tags: ['results'],
          summary: 'Read the leaderboard',
          description:
            'Most votes first. Its ETag changes with the board: with `If-None-Match` an unchanged one is answered ' +
            'with 304. Scope `results:read`.',
          params: schemas.eventParams,
          response: {
            200: schemas.leaderboardAnswer,
            304: Type.Null({ description: 'As the client has it.' }),
            ...schemas.failures([...FAILURES]),
          },
        },
      },
      async ({ params, caller, headers }, reply) => {
        const { event, board } = await events.leaderboard(caller, parse(params.event_id))
        const { etag, json } = bodies.of(event, board)
        void reply.header('etag', etag).header('cache-control', cacheControl)
        if (!noneMatch(headers['if-none-match'], etag)) return reply.code(304).send(null)
        return reply.type('application/json; charset=utf-8').send(json as never)
      },
    )

    app.get(
      '/v1/event/:event_id/leaderboard/stream',
      {
        config: { untimed: true },
        // A head without a body would have no end.
        exposeHeadRoute: false,
        schema: {
          operationId: 'leaderboardStream',
          tags: ['results'],
          summary: 'Follow the leaderboard',
          description:
            'Server-sent events: the leaderboard as it is, then as it changes, at most 20 times a second; whoever is ' +
            "slow skips to the latest. An event's id is the board's version; with `Last-Event-ID` a board that the " +
            'client has is not sent again. Scope `results:read`.',
          params: schemas.eventParams,
          response: {
            200: {
              description: 'Each event holds what `leaderboard` answers.',
              content: { 'text/event-stream': { schema: Type.String() } },
            },
            ...schemas.failures([...FAILURES, 'OVERLOADED']),
          },
        },
      },
      async ({ params, caller, headers, ip }, reply) => {
        const event = await events.read(caller, parse(params.event_id))
        // Another gateway has room, and this one ends what it shows.
        if (stopping) throw new VotestreamError('OVERLOADED', { retryAfterSeconds: 1 })
        const leavePlaces = takePlaces(connections, ip, caller.userId)
        reply.raw.once('close', leavePlaces)
        const { number, contestants } = event.record
        const lastEventId = headers['last-event-id']
        // The framework's own part in the answer ends here.
        const answerHeaders = reply.getHeaders() as OutgoingHttpHeaders
        const seen = lastEventId === undefined ? undefined : String(lastEventId)
        const stream = openEventStream(reply.raw, answerHeaders, seen)
        const make = async (): Promise<AsyncIterator<Payload>> => {
          const boards = liveBoards.watch(number, contestants.length)
          return {
            async next() {
              const { value, done } = await boards.next()
              if (done) return { value: undefined, done }
              const { version, json } = bodies.of(event, value)
              return { value: { bytes: eventOf(version, json), since: value }, done: false }
            },
            async return() {
              await boards.return?.()
              return { value: undefined, done: true }
            },
          }
        }
        const followed = broadcasts.follow(`rest ${number}`, make, stream.viewer)
        const leave = (): void => void followed.return?.()
        streams.add(leave)
        // What is followed would otherwise go on for as long as the connection is open.
        const unwatch = watchExpiry({
          expiresAtMs: caller.expiresAtMs,
          graceMs: expiryGraceMs,
          valid: () => tokens.stillValid(caller),
          onRevocation: tokens.onRevocation,
          busy: () => false,
          onExpired: leave,
        })
        reply.raw.once('close', () => {
          streams.delete(leave)
          unwatch()
          leave()
        })
        reply.hijack()
        try {
          await followed.next()
        } catch (error) {
          // Before anything was shown the answer is an error like any other; behind it, the client comes back for one.
          const { status, headers: problemHeaders, body } = problemAnswer(toVotestreamError(error))
          if (!reply.raw.headersSent) {
            reply.raw.writeHead(status, { ...answerHeaders, ...problemHeaders }).write(body)
          }
        }
        stream.end()
        return reply
      },
    )
    // A server that closes waits for its answers to end: each at a time of its own, so that clients do not all come
    // back at once.
    app.addHook('preClose', async () => {
      stopping = true
      const ending = [...streams].map(async (leave) => {
        await pause(Math.random() * drainMs)
        leave()
      })
      await Promise.all(ending)
    })
    done()
  }

/** @returns how to give them back. @throws VotestreamError RATE_LIMITED where there is none. */
const takePlaces = (
  { addresses, users }: LiveConnections,
  address: string,
  userId: string | undefined,
): (() => void) => {
  const leaveAddress = addresses.enter(address)
  const leaveUser = userId === undefined ? () => undefined : leaveAddress && users.enter(userId)
  if (leaveAddress && leaveUser) {
    return () => {
      leaveAddress()
      leaveUser()
    }
  }
  leaveAddress?.()
  throw new VotestreamError('RATE_LIMITED', { retryAfterSeconds: 1 })
}
