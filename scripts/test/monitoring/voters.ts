import { setTimeout as pause } from 'node:timers/promises'
import { createClient } from 'graphql-ws'
import { WebSocket } from 'ws'
import type { TemporarySystem } from '../../src/browser/temporary-system.js'
import { createEvent, type DemoEvent } from '../../src/demo/crowd.js'

export interface VotingCrowd {
  readonly event: DemoEvent
  acknowledged(): number
  /** The votes that viewers have seen on a board by now. */
  seen(): number
  stop(): Promise<void>
}

interface CrowdOptions {
  readonly voters: number
  readonly everyMs: number
}

const VOTE = 'mutation($input: SubmitVoteInput!) { submitVote(input: $input) { id } }'
const BOARD = 'subscription($eventId: ID!) { leaderboardChanged(eventId: $eventId) { version totalVotes } }'

/**
 * Votes steadily, by REST, GraphQL and WebSocket in turn, while somebody looks on, until it is stopped or everybody has
 * voted.
 */
export const startVoting = async (
  system: TemporarySystem,
  { voters: count, everyMs }: CrowdOptions,
): Promise<VotingCrowd> => {
  const { event } = await createEvent(system.client, system.applicationToken)
  const voters = await system.makeVoters(count)
  const ended = new AbortController()
  let acknowledged = 0
  let seen = 0

  const socketOf = (token: string) =>
    createClient({
      url: `${system.base.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: { Authorization: `Bearer ${token}` },
    })
  const viewer = socketOf(system.makeViewerToken(3_600))
  viewer.subscribe<{ leaderboardChanged: { totalVotes: number } }>(
    { query: BOARD, variables: { eventId: event.event_id } },
    {
      next: ({ data }) => {
        seen = data?.leaderboardChanged.totalVotes ?? seen
      },
      error: () => undefined,
      complete: () => undefined,
    },
  )

  const vote = async (index: number): Promise<void> => {
    const voter = voters[index]
    const contestant = event.contestants[index % event.contestants.length]
    if (!voter || !contestant) throw new Error('more voters are needed')
    const clientTimestamp = new Date().toISOString()
    const input = { eventId: event.event_id, contestantId: contestant.contestant_id, clientTimestamp }
    switch (index % 10) {
      case 0: {
        const socket = socketOf(voter.token)
        for await (const answer of socket.iterate({ query: VOTE, variables: { input } })) {
          if (answer.errors) throw new Error(JSON.stringify(answer.errors))
        }
        await socket.dispose()
        break
      }
      case 1:
      case 2:
      case 3:
        await system.client.execute(VOTE, { input }, { token: voter.token })
        break
      default:
        await system.client.call('POST', '/v1/vote/submit', {
          token: voter.token,
          body: {
            user_id: voter.userId,
            event_id: input.eventId,
            contestant_id: input.contestantId,
            client_timestamp: clientTimestamp,
          },
        })
    }
    acknowledged += 1
  }

  const votes: Promise<void>[] = []
  const voting = (async () => {
    for (let index = 0; index < voters.length && !ended.signal.aborted; index++) {
      // What fails is not counted; the tests say how many they want.
      votes.push(vote(index).catch(() => undefined))
      await pause(everyMs, undefined, { signal: ended.signal }).catch(() => undefined)
    }
  })()

  return {
    event,
    acknowledged: () => acknowledged,
    seen: () => seen,
    async stop() {
      ended.abort()
      await voting
      await Promise.all(votes)
      await viewer.dispose()
    },
  }
}
