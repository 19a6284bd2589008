import { startServersForTest, type TestServers } from '@votestream/infra/servers/test-servers'
import { type RequestSource, sameRequest, wireText } from '../../load/request-source.js'
import { voteRequests } from '../../load/vote-requests.js'
import { votesOnBoard } from '../board-votes.js'
import { startChild } from '../child.js'
import type { Group } from '../closed-votes.js'
import { CONTESTANTS } from '../fanout/shown-board.js'
import { startSmallSystem } from '../small-system.js'
import type { PeerStores } from './contenders/peer.js'

/** One interface that takes votes. */
export interface Contender {
  readonly name: string
  readonly port: number
  readonly processes: readonly Group[]
  /** So many votes, each of a voter who has not voted yet. */
  requests(count: number): RequestSource
  /** More than it can take a second on any machine: so many votes are prepared. */
  readonly perSecondMax: number
}

export interface Contenders {
  readonly list: readonly Contender[]
  /** Votes that came onto Votestream's board. */
  counted(): Promise<number>
  stop(): Promise<void>
}

export interface ContendersOptions {
  /** Names of contenders, and no others; empty: all. */
  readonly only: readonly string[]
  /** A folder for what Votestream's services did with their processor time, once they are stopped. */
  readonly profiles?: string | undefined
  /** With it, a second Votestream that samples this share of the requests stands beside the first. */
  readonly traces?: number | undefined
}

export const startContenders = async ({ only, profiles, traces }: ContendersOptions): Promise<Contenders> => {
  const stops: (() => Promise<void>)[] = []
  const stop = async (): Promise<void> => {
    for (const undo of stops.splice(0).reverse()) await undo()
  }
  try {
    const servers = await startServersForTest(['nats', 'redis'])
    stops.push(servers.stop)
    const stores: PeerStores = { natsUrl: servers.get('nats').url, redisUrl: servers.get('redis').url }
    const peer = async (file: string): Promise<Peer> => {
      const child = startChild(new URL(`./contenders/${file}.js`, import.meta.url))
      stops.push(child.stop)
      child.send(stores)
      const { port } = await child.next<{ port: number }>()
      return { pid: child.pid, port }
    }
    const votestream = await startVotestream(stops, profiles)
    const traced = traces === undefined ? undefined : await startTracedVotestream(stops, traces)
    const starters: Readonly<Record<string, () => Promise<Omit<Contender, 'name'>>>> = {
      'bare node:http': async () => echoing(await peer('bare-http')),
      'bare Fastify': async () => echoing(await peer('bare-fastify')),
      'Votestream REST': async () => votestream.contender(0),
      'Votestream GraphQL': async () => votestream.contender(1),
      ...(traced && {
        'Votestream REST traced': async () => traced.contender(0),
        'Votestream GraphQL traced': async () => traced.contender(1),
      }),
      mercurius: async () => storing(await peer('mercurius'), servers, (count) => votestream.votes(count, 1)),
      'Apollo Server': async () =>
        storing(await peer('apollo'), servers, (count) => votestream.votes(count, 1)),
    }
    const list: Contender[] = []
    for (const [name, start] of Object.entries(starters)) {
      if (only.length === 0 || only.includes(name)) list.push({ name, ...(await start()) })
    }
    const counted = async (): Promise<number> =>
      (await votestream.counted()) + ((await traced?.counted()) ?? 0)
    return { list, counted, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

interface Peer {
  readonly pid: number
  readonly port: number
}

const echoing = ({ pid, port }: Peer): Omit<Contender, 'name'> => ({
  port,
  processes: [{ name: 'gateway', pids: [pid] }],
  requests: echoed,
  perSecondMax: 60_000,
})

const storing = (
  { pid, port }: Peer,
  servers: TestServers,
  requests: Contender['requests'],
): Omit<Contender, 'name'> => ({
  port,
  processes: [
    { name: 'gateway', pids: [pid] },
    { name: 'nats', pids: [servers.get('nats').pid] },
    { name: 'redis', pids: [servers.get('redis').pid] },
  ],
  requests,
  perSecondMax: 8_000,
})

/** The same bytes as a vote over REST, with a token and identifiers of the same lengths. */
const echoed = (): RequestSource => {
  const id = 'x'.repeat(22)
  const body = { user_id: id, event_id: id, contestant_id: id }
  const headers = { host: 'bench', authorization: `Bearer ${'x'.repeat(TOKEN_LENGTH)}` }
  return sameRequest({ name: 'echo', success: 'status' }, wireText('POST', '/v1/vote/submit', headers, body))
}

const TOKEN_LENGTH = 270

/** Of Votestream, as it starts on one machine. */
export const SHARDS = 2

/** Its traces go to a process that takes them and looks at none. */
const startTracedVotestream = async (stops: (() => Promise<void>)[], ratio: number) => {
  const sink = startChild(new URL('./contenders/trace-sink.js', import.meta.url))
  stops.push(sink.stop)
  sink.send({})
  const { port } = await sink.next<{ port: number }>()
  return startVotestream(stops, undefined, {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
    OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
    OTEL_TRACES_SAMPLER_ARG: String(ratio),
  })
}

/** The whole of it, archive and all. */
const startVotestream = async (
  stops: (() => Promise<void>)[],
  profiles: string | undefined,
  env: NodeJS.ProcessEnv = {},
) => {
  const system = await startSmallSystem({
    contestants: CONTESTANTS,
    votes: true,
    archive: true,
    shards: SHARDS,
    profileFolder: profiles,
    env,
  })
  stops.push(system.stop)
  const [event] = system.events
  const [gateway] = system.gateways
  if (!event || !gateway) throw new Error('the system has no event')
  const processes = await system.processes()
  let voted = 0
  const votes = (count: number, graphqlShare: 0 | 1): RequestSource => {
    const voters = Array.from({ length: count }, (_, index) => system.voter(voted + index + 1))
    voted += count
    const { id: eventId, contestantIds } = event
    return voteRequests({ host: 'bench', eventId, contestantIds, voters, graphqlShare, pace: null })
  }
  return {
    votes,
    contender: (graphqlShare: 0 | 1): Omit<Contender, 'name'> => ({
      port: gateway.port,
      processes,
      requests: (count) => votes(count, graphqlShare),
      perSecondMax: 25_000,
    }),
    counted: () => votesOnBoard(system),
  }
}
