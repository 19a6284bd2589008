import { eventNumber, voterNumber } from '@votestream/schema/numbers'
import { type Attack, freshName, registrationOf, VOTE_PATH, voteOf, voteOperation } from './place.js'

/** One letter of an identifier is another one. */
const changed = (id: string): string => `${id.startsWith('A') ? 'B' : 'A'}${id.slice(1)}`

const REJECT = { verdict: 'reject' }

/** Who may not, and what is not theirs. */
export const permissionAttacks: readonly Attack[] = [
  {
    name: 'a vote with the token of an application',
    expect: '403 WRONG_SCOPE',
    send: (place) =>
      place.rest({ path: VOTE_PATH, token: place.application, body: voteOf(place, place.voter().userId) }),
  },
  {
    name: 'a vote with the token of a visitor',
    expect: '200 WRONG_SCOPE',
    send: (place) => place.graphql(voteOperation(place), { token: place.viewer }),
  },
  {
    name: 'a vote in the name of somebody else',
    expect: '403 WRONG_USER',
    send: (place) =>
      place.rest({ path: VOTE_PATH, token: place.voter().token, body: voteOf(place, place.voter().userId) }),
  },
  {
    name: 'an event in the name of somebody else',
    expect: '403 WRONG_USER',
    send: (place) =>
      place.rest({
        path: '/v1/event/create',
        token: place.voter().token,
        body: {
          user_id: place.voter().userId,
          event_name: 'Final',
          contestants: [
            {
              contestant_name: 'A',
              contestant_description: 'a',
              contestant_image_url: 'https://a.example/a.png',
            },
          ],
        },
      }),
  },
  {
    name: 'an account with the token of a voter',
    expect: '403 WRONG_SCOPE',
    send: (place) =>
      place.rest({
        path: '/v1/auth/register',
        token: place.voter().token,
        body: registrationOf(freshName()),
      }),
  },
  {
    name: 'an account without a token',
    expect: '401 UNAUTHENTICATED',
    send: (place) => place.rest({ path: '/v1/auth/register', body: registrationOf(freshName()) }),
  },
  {
    name: 'the status of a vote that somebody else cast',
    expect: '404 VOTE_NOT_FOUND',
    async send(place) {
      const { userId, token } = place.voter()
      const { body } = await place.ask({ path: VOTE_PATH, token, body: voteOf(place, userId) })
      const { vote_id: voteId } = JSON.parse(body) as { vote_id: string }
      const path = `/v1/vote/${voteId}/status`
      return place.rest({ method: 'GET', path, token: place.voter().token })
    },
  },
  {
    name: 'the status of a vote that nobody cast',
    expect: '404 VOTE_NOT_FOUND',
    async send(place) {
      const voteId = place.system.ids.voteId(place.event.number, voterNumber(999_999))
      return place.rest({ method: 'GET', path: `/v1/vote/${voteId}/status`, token: place.voter().token })
    },
  },
  {
    name: 'an identifier of an event with one letter changed',
    expect: '400 INVALID_ID',
    send: (place) =>
      place.rest({ method: 'GET', path: `/v1/contestants/${changed(place.event.id)}`, token: place.viewer }),
  },
  {
    name: 'identifiers counted through: none of 1,000 names anything',
    expect: '0 found',
    async send(place) {
      let found = 0
      for (let at = 0; at < 1_000; at += 1) {
        const path = `/v1/contestants/${at.toString(36).padStart(place.event.id.length, 'A')}`
        const { status } = await place.ask({ method: 'GET', path, token: place.viewer })
        if (status !== 400 && status !== 404) found += 1
      }
      return `${found} found`
    },
  },
  {
    name: 'a well-formed identifier that names nothing',
    expect: '404 EVENT_NOT_FOUND',
    send: (place) => {
      const id = place.system.ids.eventId(eventNumber(4_000_000))
      return place.rest({ method: 'GET', path: `/v1/event/${id}/leaderboard`, token: place.viewer })
    },
  },
  {
    name: 'the identifier of a user where an event belongs',
    expect: '400 INVALID_ID',
    send: (place) =>
      place.rest({ method: 'GET', path: `/v1/contestants/${place.voter().userId}`, token: place.viewer }),
  },
  {
    name: 'a contestant of another event',
    expect: '404 CONTESTANT_NOT_FOUND',
    async send(place) {
      const { userId, token } = place.voter()
      const body = { ...voteOf(place, userId), contestant_id: place.other.contestantIds[0] }
      return place.rest({ path: VOTE_PATH, token, body })
    },
  },
  {
    name: 'a decision by a voter',
    expect: '403 WRONG_SCOPE',
    send: (place) => {
      const { token } = place.voter()
      const voteId = place.system.ids.voteId(place.event.number, voterNumber(1))
      return place.rest({ path: `/v1/vote/${voteId}/decision`, token, body: REJECT })
    },
  },
  {
    name: 'the end of an event by somebody who did not make it',
    expect: '200 WRONG_USER',
    send: (place) =>
      place.graphql(
        { query: 'mutation($id: ID!) { closeEvent(id: $id) { id } }', variables: { id: place.event.id } },
        { token: place.voter().token },
      ),
  },
]
