import assert from 'node:assert/strict'
import { VotestreamError } from '@votestream/schema/errors'
import { voterNumber } from '@votestream/schema/numbers'
import type { Submission } from '@votestream/schema/votes'
import { FIRST_ENTRY, startTestGateway, type TestGateway } from './test-gateway.js'

/** What a client learns, whichever interface it came through: what it was given, or the code of the failure. */
type Told = Readonly<Record<string, unknown>>

/** One situation, and how it is brought about over each interface. */
interface Situation {
  readonly name: string
  readonly token: () => string | undefined
  readonly rest: () => { method: 'GET' | 'POST'; url: string; body?: object; told?: (body: Told) => Told }
  readonly graphql: () => { query: string; variables?: object; told?: (data: Told) => Told }
  readonly expected: () => Told
  readonly arrange?: () => void
}

const contestants = ['Ada', 'Grace'].map((name) => ({
  name,
  description: `${name} sings.`,
  imageUrl: `https://images.example.com/${name}.jpg`,
}))
const restContestants = contestants.map(({ name, description, imageUrl }) => ({
  contestant_name: name,
  contestant_description: description,
  contestant_image_url: imageUrl,
}))

const LOGIN =
  'mutation ($username: String!, $password: String!) { login(username: $username, password: $password) { token user { id } } }'
const REGISTER = 'mutation ($input: RegisterInput!) { register(input: $input) { id } }'
const CREATE =
  'mutation ($input: CreateEventInput!) { createEvent(input: $input) { name contestants { name } } }'
const CLOSE = 'mutation ($id: ID!) { closeEvent(id: $id) { id name status } }'
const BOARD =
  'query ($id: ID!) { leaderboard(eventId: $id) { eventId eventName standings { contestant { id name } totalVotes } } }'
const CONTESTANTS = 'query ($id: ID!) { event(id: $id) { id contestants { id name imageUrl } } }'
const SUBMIT = 'mutation ($input: SubmitVoteInput!) { submitVote(input: $input) { id } }'
const DECIDE =
  'mutation ($input: DecideVoteInput!) { decideVote(input: $input) { voteId verdict event { id } } }'
const STATUS = 'query ($id: ID!) { vote(id: $id) { id status event { name } } }'

describe('REST and GraphQL', () => {
  let gateway: TestGateway
  let eventId: string
  let contestantIds: readonly string[]
  let unknownEvent: string
  let voteId: string

  before(async () => {
    gateway = await startTestGateway()
    const { callerOf } = await import('./test-gateway.js')
    const draft = { name: 'The Grand Final', contestants, opensAtMs: null, closesAtMs: null }
    const event = await gateway.events.create(callerOf(7), draft)
    eventId = event.id
    contestantIds = event.contestantIds
    unknownEvent = gateway.ids.eventId(999_999 as never)
    voteId = gateway.ids.voteId(event.record.number, voterNumber(9))
    await gateway.accounts.register(callerOf(undefined, ['accounts:register']), {
      username: 'Maria.Keller',
      password: 'correct horse',
      email: 'maria@example.com',
      dateOfBirth: '1990-05-17',
    })
  })
  after(() => gateway.stop())

  const user =
    (voter = 9) =>
    () =>
      gateway.userToken(voter)
  const reader = () => gateway.userToken(9, ['results:read'])
  const operator = () => gateway.userToken(7, ['admin'])
  const nobody = () => undefined
  const application = () => gateway.applicationToken(['accounts:register'])
  const failure =
    (code: string, more: Told = {}) =>
    () => ({ code, ...more })
  const outcome =
    (
      decide: (submission: Submission) => Promise<'accepted' | 'duplicate' | 'closed'>,
      stands: TestGateway['voteStatus'] = async () => 'processed',
    ) =>
    () => {
      gateway.decide = decide
      gateway.voteStatus = stands
    }

  const login = (name: string, username: string, password: string, expected: () => Told): Situation => ({
    name,
    token: nobody,
    rest: () => ({
      method: 'POST',
      url: '/v1/auth/login',
      body: { username, password },
      told: ({ token }) => ({ scopes: [...gateway.tokens.verify(String(token)).scopes] }),
    }),
    graphql: () => ({
      query: LOGIN,
      variables: { username, password },
      told: ({ login: session }) => ({
        scopes: [...gateway.tokens.verify((session as { token: string }).token).scopes],
      }),
    }),
    expected,
  })
  const register = (
    name: string,
    token: Situation['token'],
    change: object,
    expected: () => Told,
  ): Situation => {
    const input = {
      username: `maria.${Math.random()}`,
      password: 'correct horse',
      email: 'maria@example.com',
      dateOfBirth: '1990-05-17',
      ...change,
    }
    const registration = ({ dateOfBirth, username, ...rest }: typeof input, suffix: string) => ({
      ...rest,
      username: 'username' in change ? username : username + suffix,
      dateOfBirth,
    })
    return {
      name,
      token,
      rest: () => {
        const { dateOfBirth, ...rest } = registration(input, 'r')
        const body = { ...rest, date_of_birth: dateOfBirth }
        return { method: 'POST', url: '/v1/auth/register', body, told: () => ({ registered: true }) }
      },
      graphql: () => ({
        query: REGISTER,
        variables: { input: registration(input, 'g') },
        told: () => ({ registered: true }),
      }),
      expected,
    }
  }
  const create = (
    name: string,
    token: Situation['token'],
    change: object,
    expected: () => Told,
  ): Situation => ({
    name,
    token,
    rest: () => ({
      method: 'POST',
      url: '/v1/event/create',
      body: {
        user_id: gateway.ids.userId(voterNumber(9)),
        event_name: 'name' in change ? change.name : 'Semifinal',
        contestants: 'contestants' in change ? [] : restContestants,
      },
      told: (body) => ({
        name: body.event_name,
        contestants: (body.contestants as { contestant_name: string }[]).map((each) => each.contestant_name),
      }),
    }),
    graphql: () => ({
      query: CREATE,
      variables: { input: { name: 'Semifinal', contestants, ...change } },
      told: (data) => {
        const made = data.createEvent as { name: string; contestants: { name: string }[] }
        return { name: made.name, contestants: made.contestants.map((each) => each.name) }
      },
    }),
    expected,
  })
  const close = (
    name: string,
    token: Situation['token'],
    id: () => string,
    expected: () => Told,
  ): Situation => ({
    name,
    token,
    rest: () => ({
      method: 'POST',
      url: `/v1/event/${id()}/close`,
      told: (body) => ({
        id: body.event_id,
        name: body.event_name,
        status: String(body.status).toUpperCase(),
      }),
    }),
    graphql: () => ({ query: CLOSE, variables: { id: id() }, told: (data) => data.closeEvent as Told }),
    expected,
  })
  const board = (
    name: string,
    token: Situation['token'],
    id: () => string,
    expected: () => Told,
  ): Situation => ({
    name,
    token,
    arrange: () => {
      gateway.board = async () => ({ version: 5, totals: [2, 3_000_000_000], ackedAtMs: 1 })
    },
    rest: () => ({ method: 'GET', url: `/v1/event/${id()}/leaderboard` }),
    graphql: () => ({
      query: BOARD,
      variables: { id: id() },
      told: (data) => {
        const given = data.leaderboard as {
          eventId: string
          eventName: string
          standings: { contestant: { id: string; name: string }; totalVotes: number }[]
        }
        return {
          event_id: given.eventId,
          event_name: given.eventName,
          contestants: given.standings.map(({ contestant, totalVotes }) => ({
            contestant_id: contestant.id,
            contestant_name: contestant.name,
            total_votes: totalVotes,
          })),
        }
      },
    }),
    expected,
  })
  const list = (
    name: string,
    token: Situation['token'],
    id: () => string,
    expected: () => Told,
  ): Situation => ({
    name,
    token,
    rest: () => ({ method: 'GET', url: `/v1/contestants/${id()}` }),
    graphql: () => ({
      query: CONTESTANTS,
      variables: { id: id() },
      told: (data) => {
        const event = data.event as {
          id: string
          contestants: { id: string; name: string; imageUrl: string }[]
        }
        return {
          event_id: event.id,
          contestants: event.contestants.map((each) => ({
            contestant_id: each.id,
            contestant_name: each.name,
            contestant_image_url: each.imageUrl,
          })),
        }
      },
    }),
    expected,
  })
  const submit = (
    name: string,
    token: Situation['token'],
    change: {
      event?: () => string
      contestant?: () => string
      clientTimestamp?: string
      decide?: Parameters<typeof outcome>[0]
      stands?: TestGateway['voteStatus']
    },
    expected: () => Told,
  ): Situation => {
    const event = () => change.event?.() ?? eventId
    const contestant = () => change.contestant?.() ?? contestantIds[1]
    return {
      name,
      token,
      arrange: outcome(change.decide ?? (async () => 'accepted'), change.stands),
      rest: () => ({
        method: 'POST',
        url: '/v1/vote/submit',
        body: {
          user_id: gateway.ids.userId(voterNumber(9)),
          event_id: event(),
          contestant_id: contestant(),
          ...(change.clientTimestamp === undefined ? {} : { client_timestamp: change.clientTimestamp }),
        },
      }),
      graphql: () => ({
        query: SUBMIT,
        variables: {
          input: { eventId: event(), contestantId: contestant(), clientTimestamp: change.clientTimestamp },
        },
        told: (data) => ({ vote_id: (data.submitVote as { id: string }).id }),
      }),
      expected,
    }
  }
  const status = (
    name: string,
    token: Situation['token'],
    id: () => string,
    given: 'acked' | 'processed' | 'rejected',
    expected: () => Told,
  ): Situation => ({
    name,
    token,
    arrange: () => {
      gateway.voteStatus = async () => given
    },
    rest: () => ({ method: 'GET', url: `/v1/vote/${id()}/status` }),
    graphql: () => ({
      query: STATUS,
      variables: { id: id() },
      told: (data) => {
        const vote = data.vote as { id: string; status: string; event: { name: string } }
        return { vote_id: vote.id, vote_status: vote.status.toLowerCase(), event_name: vote.event.name }
      },
    }),
    expected,
  })

  const decide = (
    name: string,
    token: Situation['token'],
    change: {
      readonly id?: () => string
      readonly verdict?: string
      readonly firstEntry?: TestGateway['firstEntry']
      readonly record?: TestGateway['record']
    },
    expected: () => Told,
  ): Situation => {
    const { id = () => voteId, verdict = 'reject' } = change
    return {
      name,
      token,
      arrange: () => {
        gateway.firstEntry = change.firstEntry ?? (async () => FIRST_ENTRY)
        gateway.record = change.record ?? (async () => undefined)
      },
      rest: () => ({ method: 'POST', url: `/v1/vote/${id()}/decision`, body: { verdict } }),
      graphql: () => ({
        query: DECIDE,
        variables: { input: { voteId: id(), verdict: verdict.toUpperCase() } },
        told: (data) => {
          const decision = data.decideVote as { voteId: string; verdict: string; event: { id: string } }
          assert.equal(decision.event.id, eventId)
          return { vote_id: decision.voteId, verdict: decision.verdict.toLowerCase() }
        },
      }),
      expected,
    }
  }

  const theEvent = () => eventId
  const unavailable = (code: 'VOTES_UNAVAILABLE' | 'RESULTS_UNAVAILABLE') => () =>
    Promise.reject(new VotestreamError(code, { retryAfterSeconds: 1 }))
  const situations: readonly Situation[] = [
    login('login', 'maria.keller', 'correct horse', () => ({ scopes: ['votes', 'events', 'results:read'] })),
    login('login with a wrong password', 'maria.keller', 'wrong', failure('WRONG_CREDENTIALS')),
    login('login without a name', '', 'wrong', failure('INVALID_FIELDS', { fields: ['username'] })),
    register('register', application, {}, () => ({ registered: true })),
    register('register a taken name', application, { username: 'MARIA.keller' }, failure('USERNAME_TAKEN')),
    register('register as a user', user(), {}, failure('WRONG_SCOPE')),
    register('register without a token', nobody, {}, failure('UNAUTHENTICATED')),
    register(
      'register with bad fields',
      application,
      { email: 'nowhere', password: 'short' },
      failure('INVALID_FIELDS', { fields: ['email', 'password'] }),
    ),
    create('create an event', user(), {}, () => ({ name: 'Semifinal', contestants: ['Ada', 'Grace'] })),
    create('create an event without the scope', reader, {}, failure('WRONG_SCOPE')),
    create(
      'create an event of nobody',
      user(),
      { contestants: [] },
      failure('INVALID_FIELDS', { fields: ['contestants'] }),
    ),
    create('create an event without a token', nobody, {}, failure('UNAUTHENTICATED')),
    board('read a leaderboard', user(), theEvent, () => ({
      event_id: eventId,
      event_name: 'The Grand Final',
      contestants: [
        { contestant_id: contestantIds[1], contestant_name: 'Grace', total_votes: 3_000_000_000 },
        { contestant_id: contestantIds[0], contestant_name: 'Ada', total_votes: 2 },
      ],
    })),
    board('read the leaderboard of an unknown event', user(), () => unknownEvent, failure('EVENT_NOT_FOUND')),
    board('read the leaderboard of nonsense', user(), () => 'nonsense', failure('INVALID_ID')),
    board('read a leaderboard without a token', nobody, theEvent, failure('UNAUTHENTICATED')),
    list('list contestants', user(), theEvent, () => ({
      event_id: eventId,
      contestants: contestants.map(({ name, imageUrl }, index) => ({
        contestant_id: contestantIds[index],
        contestant_name: name,
        contestant_image_url: imageUrl,
      })),
    })),
    list('list the contestants of an unknown event', user(), () => unknownEvent, failure('EVENT_NOT_FOUND')),
    list('list contestants as an application', application, theEvent, failure('WRONG_SCOPE')),
    submit('vote', user(), {}, () => ({ vote_id: voteId })),
    submit('vote again', user(), { decide: async () => 'duplicate' }, () => ({
      code: 'DUPLICATE_VOTE',
      voteId,
    })),
    submit('vote again too late', user(), { decide: async () => 'closed' }, () => ({
      code: 'DUPLICATE_VOTE',
      voteId,
    })),
    submit(
      'vote too late',
      user(),
      { decide: async () => 'closed', stands: async () => 'acked' },
      failure('VOTING_CLOSED'),
    ),
    submit(
      'vote while nobody takes votes',
      user(),
      { decide: unavailable('VOTES_UNAVAILABLE') },
      failure('VOTES_UNAVAILABLE', { retryAfterSeconds: 1 }),
    ),
    submit('vote in an unknown event', user(), { event: () => unknownEvent }, failure('EVENT_NOT_FOUND')),
    submit('vote for an event', user(), { contestant: theEvent }, failure('INVALID_ID')),
    submit(
      'vote for a contestant of another event',
      user(),
      { contestant: () => gateway.ids.contestantId(999_999 as never, 0 as never) },
      failure('CONTESTANT_NOT_FOUND'),
    ),
    submit('vote at no time', user(), { clientTimestamp: 'today' }, failure('INVALID_FIELDS')),
    submit(
      'vote before all time',
      user(),
      { clientTimestamp: '1969-12-31T23:59:59Z' },
      failure('INVALID_FIELDS'),
    ),
    submit('vote without a token', nobody, {}, failure('UNAUTHENTICATED')),
    submit('vote without the scope', reader, {}, failure('WRONG_SCOPE')),
    ...(['acked', 'processed', 'rejected'] as const).map((given) =>
      status(
        `ask for a vote that is ${given}`,
        user(),
        () => voteId,
        given,
        () => ({
          vote_id: voteId,
          vote_status: given,
          event_name: 'The Grand Final',
        }),
      ),
    ),
    status("ask for another's vote", user(10), () => voteId, 'acked', failure('VOTE_NOT_FOUND')),
    status('ask for nonsense', user(), theEvent, 'acked', failure('INVALID_ID')),
    ...(['reject', 'admit'] as const).map((verdict) =>
      decide(`${verdict} a vote`, operator, { verdict }, () => ({ vote_id: voteId, verdict })),
    ),
    decide('decide what is no verdict', operator, { verdict: 'perhaps' }, failure('INVALID_FIELDS')),
    decide('decide on nonsense', operator, { id: theEvent }, failure('INVALID_ID')),
    decide('decide as a user', user(), {}, failure('WRONG_SCOPE')),
    decide('decide without a token', nobody, {}, failure('UNAUTHENTICATED')),
    decide(
      'decide on a vote that was never cast',
      operator,
      { firstEntry: async () => undefined },
      failure('VOTE_NOT_FOUND'),
    ),
    decide(
      'decide while nobody takes decisions',
      operator,
      { record: unavailable('VOTES_UNAVAILABLE') },
      failure('VOTES_UNAVAILABLE', { retryAfterSeconds: 1 }),
    ),
    decide(
      'decide while the archive is away',
      operator,
      { firstEntry: unavailable('RESULTS_UNAVAILABLE') },
      failure('RESULTS_UNAVAILABLE', { retryAfterSeconds: 1 }),
    ),
    close("close another's event", user(8), theEvent, failure('WRONG_USER')),
    close('close an unknown event', user(7), () => unknownEvent, failure('EVENT_NOT_FOUND')),
    close('close an event', user(7), theEvent, () => ({
      id: eventId,
      name: 'The Grand Final',
      status: 'CLOSED',
    })),
  ]

  const overRest = async ({ rest, token }: Situation): Promise<Told> => {
    const { method, url, body, told = (given: Told) => given } = rest()
    const answer = await gateway.app.inject({
      method,
      url,
      headers: bearer(token()),
      ...(body === undefined ? {} : { payload: body }),
    })
    const json = answer.json()
    if (answer.statusCode < 300) return told(json)
    const { code, errors, vote_id: vote } = json
    const after = answer.headers['retry-after']
    return {
      code,
      ...(errors && code === 'INVALID_FIELDS' ? { fields: namesOf(errors) } : {}),
      ...(vote ? { voteId: vote } : {}),
      ...(after ? { retryAfterSeconds: Number(after) } : {}),
    }
  }

  const overGraphql = async ({ graphql, token }: Situation): Promise<Told> => {
    const { query, variables, told = (given: Told) => given } = graphql()
    const answer = await gateway.app.inject({
      method: 'POST',
      url: '/graphql',
      payload: { query, variables },
      headers: bearer(token()),
    })
    const { data, errors } = answer.json()
    if (!errors) return told(data)
    assert.equal(errors.length, 1, answer.body)
    const { code, fields, ...rest } = errors[0].extensions
    return { code, ...(fields && code === 'INVALID_FIELDS' ? { fields: namesOf(fields) } : {}), ...rest }
  }

  const bearer = (token: string | undefined): Record<string, string> =>
    token === undefined ? {} : { authorization: `Bearer ${token}` }
  const namesOf = (faults: { field: string }[]): string[] => faults.map(({ field }) => field).sort()

  for (const situation of situations) {
    it(`have the same outcome: ${situation.name}`, async () => {
      situation.arrange?.()
      const [rest, graphql] = [await overRest(situation), await overGraphql(situation)]
      const { fields: _rest, ...restWithout } = rest
      const { fields: _graphql, ...graphqlWithout } = graphql
      const expected = situation.expected()
      if ('fields' in expected) {
        assert.deepEqual(rest, expected)
        assert.deepEqual(graphql, expected)
      } else {
        assert.deepEqual(restWithout, expected)
        assert.deepEqual(graphqlWithout, expected)
      }
    })
  }
})
