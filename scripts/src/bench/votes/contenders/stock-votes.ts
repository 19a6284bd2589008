import { createHash } from 'node:crypto'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { Redis } from 'ioredis'
import type { PeerStores } from './peer.js'

export const TYPE_DEFINITIONS = `
  type Query { events: Int }
  input SubmitVoteInput { eventId: ID!  contestantId: ID! }
  type Vote { id: ID!  status: String! }
  type Mutation { submitVote(input: SubmitVoteInput!): Vote! }
`

export interface StockVotes {
  /** @throws Error for a vote that stands already. */
  submit(
    voter: string,
    input: { readonly eventId: string; readonly contestantId: string },
  ): Promise<{
    id: string
    status: string
  }>
}

/**
 * A vote as it is written without more ado: one `SET NX` in Redis says whether it is the voter's first, one publish puts
 * it on disk. It is less than Votestream does: who dies between the two has lost a vote, and nobody is authenticated.
 */
export const openStockVotes = async ({ natsUrl, redisUrl }: PeerStores): Promise<StockVotes> => {
  const nats = await connect({ servers: natsUrl })
  const redis = new Redis(redisUrl)
  await (await jetstreamManager(nats)).streams.add({ name: 'STOCK_VOTES', subjects: ['stock.votes'] })
  const log = jetstream(nats)
  return {
    async submit(voter, { eventId, contestantId }) {
      const id = createHash('sha256').update(`${eventId} ${voter}`).digest('base64url')
      const isFirst = await redis.set(`voted:${eventId}:${id}`, contestantId, 'NX')
      if (isFirst === null) throw new Error('This user has already voted in this event.')
      await log.publish('stock.votes', JSON.stringify({ id, voter, eventId, contestantId, at: Date.now() }))
      return { id, status: 'ACKED' }
    },
  }
}
