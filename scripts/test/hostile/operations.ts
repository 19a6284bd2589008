import { textHash } from '@votestream/schema/operation-text'
import { type Attack, type Place, VOTE_MUTATION, voteOperation } from './place.js'

/** Where only registered operations run: whatever else somebody sends does not, by whatever way it comes. */

const REFUSED = '403 OPERATION_NOT_REGISTERED'
const OTHER = 'mutation Vote($input: SubmitVoteInput!) { submitVote(input: $input) { id status } }'

const sent = (
  name: string,
  expect: Attack['expect'],
  bodyOf: (operation: { readonly query: string; readonly variables: object }) => object,
): Attack => ({
  name,
  expect,
  send: (place) => place.graphql(bodyOf(voteOf(place)), { token: place.voter().token }),
})

const voteOf = (place: Place) =>
  voteOperation(place) as { readonly query: string; readonly variables: object }

const persisted = (sha256Hash: unknown) => ({ persistedQuery: { version: 1, sha256Hash } })

export const operationAttacks: readonly Attack[] = [
  sent('a registered operation with one more field', REFUSED, ({ variables }) => ({
    query: OTHER,
    variables,
  })),
  sent('an operation beside a registered one', REFUSED, ({ query, variables }) => ({
    query: `${query} mutation More { logout }`,
    operationName: 'More',
    variables,
  })),
  sent('the hash of a registered operation with another text', REFUSED, ({ variables }) => ({
    ...{ query: OTHER, variables },
    extensions: persisted(textHash(VOTE_MUTATION)),
  })),
  sent('a hash that nobody registered', REFUSED, ({ variables }) => ({
    ...{ variables },
    extensions: persisted('a'.repeat(64)),
  })),
  sent('a text that sends its own hash with it, to be remembered', REFUSED, ({ variables }) => ({
    ...{ query: OTHER, variables },
    extensions: persisted(textHash(OTHER)),
  })),
  {
    name: 'the schema by GET',
    expect: REFUSED,
    send: (place) =>
      place.rest({
        method: 'GET',
        path: `/graphql?${new URLSearchParams({ query: '{ __schema { types { name } } }' })}`,
        headers: { 'content-type': 'application/json' },
      }),
  },
  {
    name: 'a subscription on a socket that nobody registered',
    expect: 'OPERATION_NOT_REGISTERED',
    send: (place) =>
      place.socket(
        [
          { type: 'connection_init', payload: { Authorization: `Bearer ${place.viewer}` } },
          {
            id: 'a',
            type: 'subscribe',
            payload: {
              query: 'subscription($id: ID!) { leaderboardChanged(eventId: $id) { version } }',
              variables: { id: place.event.id },
            },
          },
        ],
        { until: 'code' },
      ),
  },
]
