import { setTimeout as pause } from 'node:timers/promises'
import { type Client, createClient, RequestError } from '../demo/client.js'
import type { Voter } from './voters.js'

/** What is voted on. */
export interface VotedEvent {
  readonly id: string
  /** In the event's own order. */
  readonly contestantIds: readonly string[]
}

/** The event of a run: what is done before it and after it, by a client that tries again. */
export interface PollingStation {
  readonly event: VotedEvent
  /** Votes on the board now. */
  votes(): Promise<number>
  /** Votes on the board once it has so many, or when time is up. */
  votesOnce(expected: number): Promise<number>
}

/** How long a busy service is asked again. */
const PATIENCE_MS = 15_000
/** How long the last votes may take from the log to the board. */
const SETTLE_MS = 10_000
const LOOK_EVERY_MS = 100
/** As many as a show has, and enough to tell times apart (see `contestantOf`). */
const CONTESTANTS = 20

const CREATE =
  'mutation Create($input: CreateEventInput!) { createEvent(input: $input) { id contestants { id } } }'

export interface PollingStationOptions {
  readonly url: string
  /** Without one an event is made. */
  readonly eventId: string | undefined
  /** Makes the event. */
  readonly creatorToken: string
  /** Reads. */
  readonly voter: Voter
}

/** @throws RequestError when the service refuses; Error when nobody answers. */
export const openPollingStation = async (options: PollingStationOptions): Promise<PollingStation> => {
  const client = createClient(options.url, PATIENCE_MS)
  const { token } = options.voter
  const found =
    options.eventId === undefined
      ? createEvent(client, options.creatorToken)
      : readEvent(client, options.eventId, token)
  const event = await found.catch((cause: unknown) => {
    const isAway = cause instanceof RequestError && cause.status === 0
    throw isAway ? new Error(`${options.url} does not answer`, { cause }) : cause
  })
  const votes = async (): Promise<number> => {
    const path = `/v1/event/${event.id}/leaderboard`
    const board = await client.call<{ contestants: { total_votes: number }[] }>('GET', path, { token })
    return board.contestants.reduce((sum, { total_votes: own }) => sum + own, 0)
  }
  return {
    event,
    votes,
    async votesOnce(expected) {
      const untilMs = Date.now() + SETTLE_MS
      for (;;) {
        const counted = await votes()
        if (counted >= expected || Date.now() >= untilMs) return counted
        await pause(LOOK_EVERY_MS)
      }
    },
  }
}

const createEvent = async (client: Client, token: string): Promise<VotedEvent> => {
  const contestants = Array.from({ length: CONTESTANTS }, (_, index) => ({
    name: `Contestant ${index + 1}`,
    description: 'Sings.',
    imageUrl: `https://images.example.com/load/${index + 1}.jpg`,
  }))
  const name = `Load, ${new Date().toISOString().slice(0, 19).replace('T', ' ')}`
  const { createEvent: made } = await client.execute<{
    createEvent: { id: string; contestants: { id: string }[] }
  }>(CREATE, { input: { name, contestants } }, { token })
  return { id: made.id, contestantIds: made.contestants.map(({ id }) => id) }
}

const readEvent = async (client: Client, id: string, token: string): Promise<VotedEvent> => {
  const { contestants } = await client.call<{ contestants: { contestant_id: string }[] }>(
    'GET',
    `/v1/contestants/${encodeURIComponent(id)}`,
    { token },
  )
  return { id, contestantIds: contestants.map(({ contestant_id: contestantId }) => contestantId) }
}
