import { setTimeout as pause } from 'node:timers/promises'
import { createClient } from 'graphql-ws'
import WebSocket from 'ws'
import type { SeenBoard } from './board-history.js'
import type { VotedEvent } from './load.js'

/** Somebody who watches an event's board, and comes back, to any gateway, whenever the connection ends. */
export interface Viewer {
  readonly boards: readonly SeenBoard[]
  stop(): Promise<void>
}

const WATCH =
  'subscription ($id: ID!) { leaderboardChanged(eventId: $id) { version totalVotes standings { contestant { id } totalVotes } } }'
const AGAIN_MS = 200

interface BoardData {
  readonly leaderboardChanged: {
    readonly version: number
    readonly totalVotes: number
    readonly standings: readonly {
      readonly contestant: { readonly id: string }
      readonly totalVotes: number
    }[]
  }
}

export const startViewer = (gatewayUrls: readonly string[], event: VotedEvent, token: string): Viewer => {
  const boards: SeenBoard[] = []
  let stopped = false
  let end: (() => Promise<void>) | undefined

  const watch = async (gatewayUrl: string): Promise<void> => {
    const client = createClient({
      url: `${gatewayUrl.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: { Authorization: `Bearer ${token}` },
      retryAttempts: 0,
    })
    end = async () => client.dispose()
    try {
      for await (const { data } of client.iterate<BoardData>({ query: WATCH, variables: { id: event.id } })) {
        if (data) boards.push(seen(data, event))
      }
    } finally {
      await client.dispose()
    }
  }

  const watching = (async () => {
    for (let turn = 0; !stopped; turn += 1) {
      // Whatever ended it: a good viewer comes back.
      await watch(gatewayUrls[turn % gatewayUrls.length] ?? '').catch(() => undefined)
      if (!stopped) await pause(AGAIN_MS)
    }
  })()

  return {
    boards,
    async stop() {
      stopped = true
      await end?.()
      await watching
    },
  }
}

const seen = ({ leaderboardChanged: board }: BoardData, event: VotedEvent): SeenBoard => {
  const totals = event.contestantIds.map(
    (id) => board.standings.find(({ contestant }) => contestant.id === id)?.totalVotes ?? 0,
  )
  return { atMs: Date.now(), version: board.version, total: board.totalVotes, totals }
}
