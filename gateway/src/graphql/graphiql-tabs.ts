interface Tab {
  /** The operation's name. */
  readonly title: string
  readonly query: string
  /** JSON, as the page's editor shows it. */
  readonly variables: string | null
  readonly headers: string | null
}

const json = (value: object): string => JSON.stringify(value, undefined, 2)
const HEADERS = json({ Authorization: 'Bearer <token>' })

/** What the page opens with: from a login to a board that moves. */
export const GRAPHIQL_TABS: readonly Tab[] = [
  {
    title: 'LogIn',
    query: `# 1. Log in, and copy the token into the headers of the other tabs.
mutation LogIn($username: String!, $password: String!) {
  login(username: $username, password: $password) {
    token
    user { id username }
  }
}
`,
    variables: json({ username: 'admin', password: '' }),
    headers: null,
  },
  {
    title: 'Events',
    query: `# 2. What is there to vote on? Copy an event's id, and a contestant's.
query Events {
  events(first: 10) {
    nodes {
      id name status
      contestants { id name totalVotes }
    }
    pageInfo { hasNextPage endCursor }
  }
}
`,
    variables: null,
    headers: HEADERS,
  },
  {
    title: 'Follow',
    query: `# 3. Watch the leaderboard of an event as it changes.
subscription Follow($eventId: ID!) {
  leaderboardChanged(eventId: $eventId) {
    version asOf totalVotes
    standings { rank totalVotes share contestant { id name } }
  }
}
`,
    variables: json({ eventId: '' }),
    headers: HEADERS,
  },
  {
    title: 'CastVote',
    query: `# 4. Vote: one user has one vote in one event.
mutation CastVote($eventId: ID!, $contestantId: ID!) {
  submitVote(input: { eventId: $eventId, contestantId: $contestantId }) {
    id status
  }
}
`,
    variables: json({ eventId: '', contestantId: '' }),
    headers: HEADERS,
  },
  {
    title: 'FollowVote',
    query: `# 5. What becomes of it: acknowledged, then counted.
subscription FollowVote($voteId: ID!) {
  voteStatusChanged(voteId: $voteId) {
    id status reason
    event { name }
  }
}
`,
    variables: json({ voteId: '' }),
    headers: HEADERS,
  },
]
