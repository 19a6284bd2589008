import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { request as requestTls } from 'node:https'
import { text } from 'node:stream/consumers'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { natsLogin } from '@votestream/infra/nats'
import { z } from 'zod'
import type { StoreAddress } from './store-logins.js'

export interface DemoEventOptions {
  readonly gatewayUrl: string
  readonly username: string
  readonly password: string
}

const loginSchema = z.object({ user_id: z.string(), token: z.string() })
const eventSchema = z.object({ event_id: z.string(), event_name: z.string() })

/** The bucket of events is the stream `KV_events`: no stream, or one without a message, is an empty system. */
export async function hasEvents({ url, ...login }: StoreAddress): Promise<boolean> {
  const connection = await connect({ ...natsLogin(url, login), timeout: 5_000, maxReconnectAttempts: 2 })
  try {
    const manager = await jetstreamManager(connection)
    for await (const stream of manager.streams.list()) {
      if (stream.config.name === 'KV_events') return stream.state.messages > 0
    }
    return false
  } finally {
    await connection.close()
  }
}

/**
 * Makes the event that a first look needs, over REST as any client would. It is one request: if the process
 * dies before its answer the event is there or not, and the next start looks again.
 */
export async function createDemoEvent(options: DemoEventOptions): Promise<{ id: string; name: string }> {
  const { gatewayUrl, username, password } = options
  const login = loginSchema.parse(await post(`${gatewayUrl}/v1/auth/login`, { username, password }))
  const event = eventSchema.parse(
    await post(
      `${gatewayUrl}/v1/event/create`,
      { user_id: login.user_id, event_name: 'The Grand Final', contestants: demoContestants },
      login.token,
    ),
  )
  return { id: event.event_id, name: event.event_name }
}

/**
 * The gateway of this machine was started a moment ago by us. Its certificate names the hosts that others know it by,
 * and not this address: whoever could take its place here could read its key as well.
 */
async function post(url: string, body: unknown, token?: string): Promise<unknown> {
  const send = url.startsWith('https:') ? requestTls : request
  const sending = send(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    agent: false,
    rejectUnauthorized: false,
    signal: AbortSignal.timeout(10_000),
  })
  sending.end(JSON.stringify(body))
  const [response] = (await once(sending, 'response')) as [IncomingMessage]
  const answer = await text(response)
  if (response.statusCode !== 200 && response.statusCode !== 201)
    throw new Error(`${url} answered ${response.statusCode}: ${answer.slice(0, 500)}`)
  return JSON.parse(answer)
}

const demoContestants = [
  ['Aurora Lindqvist', 'Sings of northern lights, alone with a grand piano.'],
  ['The Copper Foxes', 'Four siblings, two drum kits and one very loud banjo.'],
  ['Mateo Rivas', 'Street dancer from Valparaíso who never repeats a step.'],
  ['Nadia & Okoro', 'Opera meets highlife, in harmony to the last row.'],
  ['Professor Zephyr', 'Illusionist; has made the jury disappear twice.'],
  ['Yuki Tanabe', 'Acrobat on the silk rope, fourteen metres up.'],
].map(([name, description], index) => ({
  contestant_name: name,
  contestant_description: description,
  contestant_image_url: `https://images.example.com/contestants/${index + 1}.jpg`,
}))
