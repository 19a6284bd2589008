import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { type Client, RequestError } from './client.js'

export interface DemoEvent {
  readonly event_id: string
  readonly event_name: string
  readonly contestants: readonly { readonly contestant_id: string; readonly contestant_name: string }[]
}

/** What the crowd was answered. */
export interface Ledger {
  acknowledged: number
  readonly failures: string[]
}

interface User {
  readonly user_id: string
  readonly token: string
}

const CONTESTANTS = [
  ['Ada Meridian', 'Plays the theremin with both eyes closed.'],
  ['The Night Ferry', 'Sea shanties for brass quintet.'],
  ['Ximena Flores', 'Flamenco on a floor of water.'],
  ['Brothers Kowal', 'Juggle what the audience hands them.'],
  ['Lumi', 'Paints with light, sings while it dries.'],
  ['Old Tom Barrow', 'Ninety-one, and still tap-dancing.'],
] as const
/** How much the crowd likes each of them. */
const LIKING = [5, 3, 8, 2, 6, 4]

const password = 'demo password 1'

const enroll = async (client: Client, applicationToken: string, name: string): Promise<User> => {
  const body = { username: name, password, email: `${name}@example.org`, date_of_birth: '1990-01-01' }
  await client
    .call('POST', '/v1/auth/register', { token: applicationToken, body })
    .catch((error: unknown) => {
      // Nobody else has this name: an earlier try was heard, and its answer was lost.
      if (!(error instanceof RequestError && error.code === 'USERNAME_TAKEN')) throw error
    })
  return client.call<User>('POST', '/v1/auth/login', { token: '', body: { username: name, password } })
}

/** Somebody registers and makes an event with six contestants. */
export const createEvent = async (
  client: Client,
  applicationToken: string,
): Promise<{ event: DemoEvent; token: string }> => {
  const host = await enroll(client, applicationToken, `host-${randomUUID()}`)
  const event = await client.call<DemoEvent>('POST', '/v1/event/create', {
    token: host.token,
    body: {
      user_id: host.user_id,
      event_name: `Demo, ${new Date().toISOString().slice(0, 16).replace('T', ' ')}`,
      contestants: CONTESTANTS.map(([name, description], index) => ({
        contestant_name: name,
        contestant_description: description,
        contestant_image_url: `https://images.example.com/demo/${index + 1}.jpg`,
      })),
    },
  })
  return { event, token: host.token }
}

interface CrowdOptions {
  readonly client: Client
  readonly applicationToken: string
  readonly event: DemoEvent
  readonly voters: number
  readonly seconds: number
  readonly ledger: Ledger
}

/** Each voter comes at a moment of their own, registers, logs in and votes. Resolves when all have an answer. */
export const runCrowd = async (options: CrowdOptions): Promise<void> => {
  const { voters, seconds, ledger } = options
  await Promise.all(
    Array.from({ length: voters }, async (_, index) => {
      await pause((index / voters) * seconds * 1_000)
      try {
        await castVote(options, index)
        ledger.acknowledged += 1
      } catch (error) {
        ledger.failures.push(String(error))
      }
    }),
  )
}

const SUBMIT_VOTE = /* GraphQL */ `
  mutation SubmitVote($input: SubmitVoteInput!) {
    submitVote(input: $input) {
      id
    }
  }
`

/** Over REST and over GraphQL in turn: it is the same vote. */
const castVote = async ({ client, applicationToken, event }: CrowdOptions, index: number): Promise<void> => {
  const { token, user_id } = await enroll(client, applicationToken, `voter-${randomUUID()}`)
  const { contestant_id } = favourite(event)
  const { event_id } = event
  const timestamp = new Date().toISOString()
  // The same key at every try: a vote that was taken although its answer was lost is answered again, not refused.
  const request = { token, headers: { 'idempotency-key': randomUUID() } }
  if (index % 2 === 0) {
    const meta = { device_id: 'demo', app_version: '1.0.0' }
    const body = { user_id, event_id, contestant_id, client_timestamp: timestamp, meta }
    await client.call('POST', '/v1/vote/submit', { ...request, body })
  } else {
    const meta = { deviceId: 'demo', appVersion: '1.0.0' }
    const input = { eventId: event_id, contestantId: contestant_id, clientTimestamp: timestamp, meta }
    await client.execute(SUBMIT_VOTE, { input }, request)
  }
}

const favourite = ({ contestants }: DemoEvent): DemoEvent['contestants'][number] => {
  let draw = Math.random() * LIKING.reduce((sum, liking) => sum + liking, 0)
  const index = LIKING.findIndex((liking) => {
    draw -= liking
    return draw < 0
  })
  const chosen = contestants[index] ?? contestants[0]
  if (!chosen) throw new Error('the event has no contestants')
  return chosen
}
