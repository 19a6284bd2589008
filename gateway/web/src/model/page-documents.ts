/**
 * What the page asks the gateway, as it is sent: registered there as it stands here. The client adds `__typename` wherever it
 * is missing, so it stands in each selection.
 */

export const BOARD_FRAGMENT = `
  fragment BoardFields on Leaderboard {
    eventId
    version
    totalVotes
    asOf
    standings {
      rank
      totalVotes
      share
      contestant {
        id
        __typename
      }
      __typename
    }
    __typename
  }
`

const VOTE_FRAGMENT = `
  fragment VoteFields on Vote {
    id
    status
    reason
    __typename
  }
`

export const PAGE_DOCUMENTS = {
  event: `
  query PageEvent($id: ID!) {
    event(id: $id) {
      id
      name
      status
      opensAt
      closesAt
      contestants {
        id
        name
        description
        imageUrl
        __typename
      }
      leaderboard {
        ...BoardFields
        __typename
      }
      __typename
    }
  }
  ${BOARD_FRAGMENT}
`,
  eventTimes: `
  query PageEventTimes($id: ID!) {
    event(id: $id) {
      id
      status
      opensAt
      closesAt
      __typename
    }
  }
`,
  timeline: `
  query PageTimeline($id: ID!, $last: Int!) {
    event(id: $id) {
      id
      leaderboard {
        eventId
        totalVotes
        __typename
      }
      timeline(window: TEN_SECONDS, last: $last) {
        start
        votes
        __typename
      }
      __typename
    }
  }
`,
  events: `
  query PageEvents($first: Int!, $after: String) {
    events(first: $first, after: $after) {
      edges {
        cursor
        node {
          id
          name
          status
          opensAt
          closesAt
          leaderboard {
            eventId
            totalVotes
            standings {
              rank
              totalVotes
              share
              contestant {
                id
                name
                __typename
              }
              __typename
            }
            __typename
          }
          __typename
        }
        __typename
      }
      pageInfo {
        hasNextPage
        endCursor
        __typename
      }
      __typename
    }
  }
`,
  login: `
  mutation PageLogin($username: String!, $password: String!) {
    login(username: $username, password: $password) {
      token
      user {
        id
        username
        __typename
      }
      __typename
    }
  }
`,
  submitVote: `
  mutation PageVote($input: SubmitVoteInput!) {
    submitVote(input: $input) {
      ...VoteFields
      __typename
    }
  }
  ${VOTE_FRAGMENT}
`,
  vote: `
  query PageVoteStatus($id: ID!) {
    vote(id: $id) {
      ...VoteFields
      __typename
    }
  }
  ${VOTE_FRAGMENT}
`,
  voteChanged: `
  subscription PageVoteChanged($id: ID!) {
    voteStatusChanged(voteId: $id) {
      ...VoteFields
      __typename
    }
  }
  ${VOTE_FRAGMENT}
`,
  boardChanged: `
  subscription PageBoard($eventId: ID!) {
    leaderboardChanged(eventId: $eventId) {
      ...BoardFields
      __typename
    }
  }
  ${BOARD_FRAGMENT}
`,
  createEvent: `
  mutation PageCreateEvent($input: CreateEventInput!) {
    createEvent(input: $input) {
      id
      __typename
    }
  }
`,
  closeEvent: `
  mutation PageCloseEvent($id: ID!) {
    closeEvent(id: $id) {
      id
      status
      opensAt
      closesAt
      __typename
    }
  }
`,
} as const
