/** A board as every contender shows it: the same fields, in the same order. */
export interface ShownBoard {
  readonly version: number
  readonly totalVotes: number
  /** RFC 3339: when it was given to the contender. */
  readonly asOf: string
  readonly standings: readonly {
    readonly rank: number
    readonly totalVotes: number
    readonly share: number
    readonly contestant: { readonly id: string; readonly name: string }
  }[]
}

export const CONTESTANTS = Array.from({ length: 10 }, (_, index) => `Contestant ${index}`)

export const QUERY =
  'subscription Board($id: ID!) { leaderboardChanged(eventId: $id) { version totalVotes asOf ' +
  'standings { rank totalVotes share contestant { id name } } } }'

/** What the peers of Votestream are built over. */
export const TYPE_DEFINITIONS = `
type Query { version: Int! }
type Subscription { leaderboardChanged(eventId: ID!): Leaderboard! }
type Leaderboard { version: Int! totalVotes: Int! asOf: String! standings: [Standing!]! }
type Standing { rank: Int! totalVotes: Int! share: Float! contestant: Contestant! }
type Contestant { id: ID! name: String! }
`

/** @param votes by contestant */
export const shownBoard = (version: number, votes: readonly number[], atMs: number): ShownBoard => {
  const totalVotes = votes.reduce((sum, count) => sum + count, 0)
  const places = votes.map((count, index) => ({ count, index })).sort((a, b) => b.count - a.count)
  return {
    version,
    totalVotes,
    asOf: new Date(atMs).toISOString(),
    standings: places.map(({ count, index }, place) => ({
      rank: place + 1,
      totalVotes: count,
      share: totalVotes > 0 ? count / totalVotes : 0,
      contestant: { id: `Zr0mD1vWc7zR5oFjQf7v${index}g`, name: CONTESTANTS[index] ?? '' },
    })),
  }
}
