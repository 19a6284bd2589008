import { startServersForTest } from '@votestream/infra/servers/test-servers'
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

/** @param only names of contenders, and no others; empty: all */
export const startContenders = async (only: readonly string[]): Promise<Contenders> => {
  const stops: (() => Promise<void>)[] = []
  const stop = async (): Promise<void> => {
    for (const undo of stops.splice(0).reverse()) await undo()
  }
  try {
    const servers = await startServersForTest(['nats', 'redis'])
    stops.push(servers.stop)
    const [nats, redis] = [servers.get('nats'), servers.get('redis')]
    const stores: PeerStores = { natsUrl: nats.url, redisUrl: redis.url }
    const peer = async (file: string): Promise<{ pid: number; port: number }> => {
      const child = startChild(new URL(`./contenders/${file}.js`, import.meta.url))
      stops.push(child.stop)
      child.send(stores)
      const { port } = await child.next<{ port: number }>()
      return { pid: child.pid, port }
    }
    const votestream = await startVotestream(stops)
    const echo = async (name: string, file: string): Promise<Contender> => {
      const { pid, port } = await peer(file)
      return {
        name,
        port,
        processes: [{ name: 'gateway', pids: [pid] }],
        requests: echoed,
        perSecondMax: 60_000,
      }
    }
    const stock = async (name: string, file: string): Promise<Contender> => {
      const { pid, port } = await peer(file)
      const processes = [
        { name: 'gateway', pids: [pid] },
        { name: 'nats', pids: [nats.pid] },
        { name: 'redis', pids: [redis.pid] },
      ]
      return { name, port, processes, requests: (count) => votestream.votes(count, 1), perSecondMax: 8_000 }
    }
    const list = [
      await echo('bare node:http', 'bare-http'),
      await echo('bare Fastify', 'bare-fastify'),
      votestream.contender('Votestream REST', 0),
      votestream.contender('Votestream GraphQL', 1),
      await stock('mercurius', 'mercurius'),
      await stock('Apollo Server', 'apollo'),
    ]
    const wanted = list.filter(({ name }) => only.length === 0 || only.includes(name))
    return { list: wanted, counted: votestream.counted, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** The same bytes as a vote over REST, with a token and identifiers of the same lengths. */
const echoed = (): RequestSource => {
  const id = 'x'.repeat(22)
  const body = { user_id: id, event_id: id, contestant_id: id }
  const headers = { host: 'bench', authorization: `Bearer ${'x'.repeat(TOKEN_LENGTH)}` }
  return sameRequest({ name: 'echo', success: 'status' }, wireText('POST', '/v1/vote/submit', headers, body))
}

const TOKEN_LENGTH = 270

/** The whole of it, archive and all. */
const startVotestream = async (stops: (() => Promise<void>)[]) => {
  const system = await startSmallSystem({ contestants: CONTESTANTS, votes: true, archive: true })
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
    contender: (name: string, graphqlShare: 0 | 1): Contender => ({
      name,
      port: gateway.port,
      processes,
      requests: (count) => votes(count, graphqlShare),
      perSecondMax: 25_000,
    }),
    counted: () => votesOnBoard(system),
  }
}
