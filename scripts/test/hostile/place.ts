import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { request } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { type EventNumber, voterNumber } from '@votestream/schema/numbers'
import { USER_SCOPES } from '@votestream/schema/scopes'
import { WebSocket } from 'ws'
import { type SmallSystem, startSmallSystem } from '../../src/bench/small-system.js'

/** One thing that somebody tries, and what comes of it: a status with a code, or the code that a socket is closed with. */
export interface Attack {
  readonly name: string
  /** As the place's functions tell it; where the protocol leaves a choice, each. */
  readonly expect: string | readonly string[]
  send(place: Place): Promise<string>
}

export interface RestRequest {
  readonly method?: string
  readonly path: string
  readonly token?: string | undefined
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  /** Text and bytes go as they are, everything else as JSON. */
  readonly body?: unknown
  /** Of the gateways. */
  readonly at?: number
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

/** A live system with two gateways, and everybody's way to it. */
export interface Place {
  readonly system: SmallSystem
  readonly event: {
    readonly id: string
    readonly number: EventNumber
    readonly contestantIds: readonly string[]
  }
  readonly other: { readonly id: string; readonly contestantIds: readonly string[] }
  readonly port: number
  /** Somebody new each time. */
  voter(): { readonly userId: string; readonly token: string }
  readonly admin: string
  readonly application: string
  readonly viewer: string
  ask(request: RestRequest): Promise<Answer>
  /** `401 UNAUTHENTICATED`; without a code only the status. */
  rest(request: RestRequest): Promise<string>
  /** The same of an operation; the code is that of its first error. */
  graphql(body: unknown, options?: Omit<RestRequest, 'body' | 'path'>): Promise<string>
  /** Bytes as they are: what came back, until the other side closes or says no more. */
  exchange(bytes: string | Buffer, options?: { readonly quietMs?: number }): Promise<string>
  /** The same, told as `rest` tells it, of the first answer. */
  raw(bytes: string | Buffer): Promise<string>
  /** What becomes of a socket that sends these messages, one after the other: the code that it is closed with. */
  socket(messages: readonly unknown[], options?: SocketOptions): Promise<string>
  stop(): Promise<void>
}

export interface SocketOptions {
  readonly protocols?: readonly string[]
  readonly headers?: Readonly<Record<string, string>>
  readonly path?: string
  /** Ends with the first error of an operation: its code, or its sentence where many have the same code. */
  readonly until?: 'code' | 'sentence'
}

const CONTESTANTS = ['Ada', 'Bela', 'Cleo']
const QUIET_MS = 1_000
const REFUSED_WITHIN_MS = 300
/** Nothing that is tried takes longer. */
const DEADLINE_MS = 20_000

/** @param env of all services: what belongs to the attacks (limits) */
export const openPlace = async (
  env: NodeJS.ProcessEnv,
  { archive = false }: { readonly archive?: boolean } = {},
): Promise<Place> => {
  const system = await startSmallSystem({
    contestants: CONTESTANTS,
    events: 2,
    gateways: 2,
    votes: true,
    archive,
    env,
  })
  const [event, other] = system.events
  const [gateway] = system.gateways
  if (!event || !other || !gateway) throw new Error('the system is not whole')
  let voters = 1_000

  const ask = ({ method = 'POST', path, token, headers = {}, body, at = 0 }: RestRequest): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const bytes =
        typeof body === 'string' || Buffer.isBuffer(body)
          ? body
          : body === undefined
            ? ''
            : JSON.stringify(body)
      const sent = request({
        host: '127.0.0.1',
        port: system.gateways[at]?.port,
        method,
        path,
        headers: {
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...headers,
        } as Record<string, string | string[]>,
        timeout: DEADLINE_MS,
        // A connection of its own: what one attack does to it is nobody else's.
        agent: false,
      })
      sent.on('response', (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (chunk) => (text += chunk))
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
        )
      })
      sent.on('timeout', () => sent.destroy(new Error('no answer')))
      sent.on('error', (error: NodeJS.ErrnoException) => {
        if (error.code !== 'EPIPE' && error.code !== 'ECONNRESET') reject(error)
        // Who is refused before all was sent may hear so only after the connection broke, or not at all.
        else setTimeout(resolve, REFUSED_WITHIN_MS, { status: 0, headers: {}, body: '' })
      })
      sent.end(bytes)
    })

  const exchange: Place['exchange'] = (bytes, { quietMs = QUIET_MS } = {}) =>
    new Promise((resolve, reject) => {
      const socket = connect(gateway.port, '127.0.0.1', () => socket.write(bytes))
      let text = ''
      let quiet = setTimeout(() => socket.destroy(), DEADLINE_MS)
      socket.on('data', (chunk) => {
        text += chunk.toString('latin1')
        clearTimeout(quiet)
        quiet = setTimeout(() => socket.destroy(), quietMs)
      })
      socket.on('close', () => {
        clearTimeout(quiet)
        resolve(text)
      })
      socket.on('error', (error: NodeJS.ErrnoException) => {
        if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error)
      })
    })

  const socket: Place['socket'] = async (messages, options = {}) => {
    const { protocols = ['graphql-transport-ws'], headers = {}, path = '/graphql', until } = options
    const opened = new WebSocket(`ws://127.0.0.1:${gateway.port}${path}`, [...protocols], { headers })
    opened.on('error', () => undefined)
    const closed = once(opened, 'close').then(([code]) => String(code))
    const refused = once(opened, 'unexpected-response').then(([, response]) => String(response.statusCode))
    const failed = new Promise<string>((resolve) => {
      opened.on('message', (data) => {
        const { type, payload } = JSON.parse(String(data))
        const [error] = type === 'error' ? payload : (payload?.errors ?? [])
        if (until && error) resolve(String(until === 'code' ? error.extensions?.code : error.message))
      })
    })
    const sending = async (): Promise<never> => {
      await once(opened, 'open')
      for (const message of messages) {
        const isRaw = typeof message === 'string' || Buffer.isBuffer(message)
        opened.send(isRaw ? message : JSON.stringify(message))
        const isInit = (message as { type?: unknown }).type === 'connection_init'
        if (isInit) await Promise.race([once(opened, 'message'), closed])
      }
      return new Promise(() => undefined)
    }
    const late = pause(DEADLINE_MS, 'nothing', { ref: false })
    try {
      return await Promise.race([closed, refused, failed, late, sending()])
    } finally {
      opened.terminate()
    }
  }

  const { tokens } = system
  return {
    system,
    event,
    other,
    port: gateway.port,
    voter() {
      voters += 1
      return system.voter(voters)
    },
    admin: tokens.issue({ voter: voterNumber(2), scopes: [...USER_SCOPES, 'admin'] }),
    application: tokens.issue({ scopes: ['accounts:register'] }),
    viewer: system.viewerToken(),
    ask,
    rest: async (wanted) => told(await ask(wanted)),
    graphql: async (body, wanted = {}) => {
      const answer = await ask({ path: '/graphql', ...wanted, body })
      return `${answer.status} ${codeOf(answer.body)}`.trim()
    },
    exchange,
    raw: async (bytes) => {
      const text = await exchange(bytes)
      const [, status = 'closed'] = /^HTTP\/1\.1 (\d+)/.exec(text) ?? []
      return `${status} ${codeOf(text.slice(text.indexOf('\r\n\r\n')))}`.trim()
    },
    socket,
    stop: system.stop,
  }
}

const told = ({ status, body }: Answer): string =>
  status === 0 ? 'closed' : `${status} ${codeOf(body)}`.trim()

/** Of a problem document, or of the first error of an operation; nothing where there is none. */
const codeOf = (text: string): string => /"code": ?"([A-Z_]+)"/.exec(text)?.[1] ?? ''

/** A vote as REST takes it. */
export const voteOf = ({ event }: Pick<Place, 'event'>, userId: string): Record<string, unknown> => ({
  user_id: userId,
  event_id: event.id,
  contestant_id: event.contestantIds[0],
})

export const VOTE_PATH = '/v1/vote/submit'

export const VOTE_MUTATION = 'mutation Vote($input: SubmitVoteInput!) { submitVote(input: $input) { id } }'

/** The same vote as GraphQL takes it. */
export const voteOperation = ({ event }: Pick<Place, 'event'>): Record<string, unknown> => ({
  query: VOTE_MUTATION,
  variables: { input: { eventId: event.id, contestantId: event.contestantIds[0] } },
})

/** A name that nobody has. */
export const freshName = (): string => `user${randomUUID().slice(0, 12)}`

export const registrationOf = (username: string): Record<string, unknown> => ({
  username,
  password: 'a long and rare pass phrase',
  email: 'somebody@example.org',
  date_of_birth: '1990-04-01',
})
