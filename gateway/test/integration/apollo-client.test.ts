import assert from 'node:assert/strict'
import { ApolloClient, ApolloLink, CombinedGraphQLErrors, gql, HttpLink, InMemoryCache } from '@apollo/client'
import { GraphQLWsLink } from '@apollo/client/link/subscriptions'
import { getMainDefinition } from '@apollo/client/utilities'
import { shardNumber } from '@votestream/schema/numbers'
import { leaderboardSubject } from '@votestream/schema/subjects'
import { boardPart } from '@votestream/schema/votes'
import { createClient } from 'graphql-ws'
import WebSocket from 'ws'
import { callerOf, startTestGateway, type TestGateway } from './test-gateway.js'

interface Login {
  readonly login: { readonly token: string; readonly user: { readonly id: string } }
}
interface EventData {
  readonly event: {
    readonly id: string
    readonly name: string
    readonly contestants: readonly {
      readonly id: string
      readonly name: string
      readonly totalVotes: number
    }[]
  }
}
interface VoteData {
  readonly submitVote: { readonly id: string; readonly status: string }
}

const EVENT = gql`query ($id: ID!) { event(id: $id) { id name contestants { id name totalVotes } } }`
const BOARD = gql`subscription ($id: ID!) {
  leaderboardChanged(eventId: $id) { eventId version standings { rank totalVotes contestant { id totalVotes } } }
}`
const STATUS = gql`subscription ($id: ID!) { voteStatusChanged(voteId: $id) { id status } }`
const VOTE = gql`mutation ($input: SubmitVoteInput!) { submitVote(input: $input) { id status } }`
const VOTE_STATUS = gql`query ($id: ID!) { vote(id: $id) { id status } }`

describe('@apollo/client', () => {
  let gateway: TestGateway
  let origin: string
  before(async () => {
    gateway = await startTestGateway()
    origin = await gateway.app.listen({ port: 0, host: '127.0.0.1' })
    await gateway.accounts.register(callerOf(undefined, ['accounts:register']), {
      username: 'Maria.Keller',
      password: 'correct horse',
      email: 'maria@example.com',
      dateOfBirth: '1990-05-17',
    })
  })
  after(() => gateway.stop())

  const connect = (token?: string) => {
    const headers: Record<string, string> = token === undefined ? {} : { Authorization: `Bearer ${token}` }
    const sockets = createClient({
      url: `${origin.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: headers,
    })
    const client = new ApolloClient({
      link: ApolloLink.split(
        ({ query }) => {
          const definition = getMainDefinition(query)
          return definition.kind === 'OperationDefinition' && definition.operation === 'subscription'
        },
        new GraphQLWsLink(sockets),
        new HttpLink({ uri: `${origin}/graphql`, headers }),
      ),
      cache: new InMemoryCache({ typePolicies: { Leaderboard: { keyFields: ['eventId'] } } }),
    })
    return {
      client,
      async stop() {
        client.stop()
        await sockets.dispose()
      },
    }
  }

  it('logs in, votes, and sees the board and the vote change in what it has by their ids', async () => {
    const visitor = connect()
    const { data: session } = await visitor.client.mutate<Login>({
      mutation: gql`mutation { login(username: "maria.keller", password: "correct horse") { token user { id } } }`,
    })
    await visitor.stop()
    const { client, stop } = connect(session?.login.token)
    try {
      const event = await gateway.events.create(callerOf(7), {
        name: 'The Grand Final',
        contestants: ['Ada', 'Grace'].map((name) => ({
          name,
          description: name,
          imageUrl: 'https://a.example',
        })),
        opensAtMs: null,
        closesAtMs: null,
      })
      const variables = { id: event.id }
      const base = { shard: shardNumber(0), generation: '2026-05-16T20:00:00Z', ackedAtMs: 1_000 }
      gateway.board = async () => ({ version: 5, totals: [1, 0], ackedAtMs: 1_000 })
      gateway.parts = async (events) =>
        new Map(events.map((number) => [number, [{ ...base, sequence: 5, totals: [1, 0] }]]))

      const totals: number[][] = []
      const shown = client.watchQuery<EventData>({ query: EVENT, variables })
      const until = (done: () => boolean) =>
        new Promise<void>((resolve) => {
          const check = () => (done() ? resolve() : setTimeout(check, 5))
          check()
        })
      const looking = shown.subscribe(({ data, dataState }) => {
        if (data && dataState === 'complete')
          totals.push(data.event.contestants.map(({ totalVotes }) => totalVotes))
      })
      await until(() => totals.length === 1)
      assert.deepEqual(totals, [[1, 0]])

      let boards = 0
      const following = client.subscribe({ query: BOARD, variables }).subscribe(() => {
        boards += 1
      })
      await until(() => boards === 1)
      const number = event.record.number
      const later = { ...base, event: number, sequence: 6, totals: [1, 3_000_000_000] }
      gateway.nats.connection.publish(leaderboardSubject(number), boardPart.encode(later))
      await until(() => totals.length === 2)
      assert.deepEqual(totals[1], [1, 3_000_000_000])
      following.unsubscribe()
      looking.unsubscribe()

      const input = { eventId: event.id, contestantId: event.contestantIds[0] }
      gateway.voteStatus = async () => 'acked'
      const { data: vote } = await client.mutate<VoteData>({ mutation: VOTE, variables: { input } })
      assert.equal(vote?.submitVote.status, 'ACKED')
      const ofVote = { id: vote?.submitVote.id }
      await client.query({ query: VOTE_STATUS, variables: ofVote })
      const completed = new Promise<void>((resolve, reject) => {
        client.subscribe({ query: STATUS, variables: ofVote }).subscribe({
          next: () => {
            gateway.voteStatus = async () => 'processed'
          },
          complete: resolve,
          error: reject,
        })
      })
      await completed
      const known = client.readQuery({ query: VOTE_STATUS, variables: ofVote })
      assert.deepEqual(known, { vote: { __typename: 'Vote', id: ofVote.id, status: 'PROCESSED' } })

      gateway.decide = async () => 'duplicate'
      await assert.rejects(client.mutate({ mutation: VOTE, variables: { input } }), (error: unknown) => {
        assert.ok(CombinedGraphQLErrors.is(error))
        assert.deepEqual(error.errors[0]?.extensions, { code: 'DUPLICATE_VOTE', voteId: ofVote.id })
        return true
      })
    } finally {
      await stop()
    }
  })
})
