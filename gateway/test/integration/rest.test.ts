import assert from 'node:assert/strict'
import { VotestreamError } from '@votestream/schema/errors'
import { voterNumber } from '@votestream/schema/numbers'
import { startTestGateway, type TestGateway } from './test-gateway.js'

const contestants = ['Ada', 'Grace', 'Edsger'].map((name) => ({
  contestant_name: name,
  contestant_description: `${name} sings.`,
  contestant_image_url: `https://images.example.com/${name}.jpg`,
}))
const registration = {
  username: 'Maria.Keller',
  password: 'correct horse',
  email: 'maria@example.com',
  date_of_birth: '1990-05-17',
}

describe('REST v1', () => {
  let gateway: TestGateway
  before(async () => {
    gateway = await startTestGateway()
  })
  after(() => gateway.stop())

  const post = (url: string, body: object, token?: string, headers: Record<string, string> = {}) =>
    gateway.app.inject({
      method: 'POST',
      url,
      payload: body,
      headers: { ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...headers },
    })
  const get = (url: string, token?: string) =>
    gateway.app.inject({ url, headers: token === undefined ? {} : { authorization: `Bearer ${token}` } })
  const createEvent = async (voter: number) => {
    const response = await post(
      '/v1/event/create',
      { user_id: gateway.ids.userId(voterNumber(voter)), event_name: 'The Grand Final', contestants },
      gateway.userToken(voter),
    )
    assert.equal(response.statusCode, 201, response.body)
    return response.json() as {
      event_id: string
      event_name: string
      contestants: { contestant_id: string; contestant_name: string }[]
    }
  }
  const ballot = (event: Awaited<ReturnType<typeof createEvent>>, voter: number, contestant = 0) => ({
    user_id: gateway.ids.userId(voterNumber(voter)),
    event_id: event.event_id,
    contestant_id: event.contestants[contestant]?.contestant_id,
  })

  it('registers a user, who then logs in under any case of the name', async () => {
    const application = gateway.applicationToken(['accounts:register'])
    const registered = await post('/v1/auth/register', registration, application)
    assert.equal(registered.statusCode, 201, registered.body)
    const { user_id: userId } = registered.json()
    const login = await post('/v1/auth/login', { username: 'MARIA.keller', password: 'correct horse' })
    assert.equal(login.statusCode, 200, login.body)
    assert.equal(login.json().user_id, userId)
    const caller = gateway.tokens.verify(login.json().token)
    assert.equal(caller.userId, userId)
    assert.deepEqual([...caller.scopes], ['votes', 'events', 'results:read'])
    const again = await post('/v1/auth/register', { ...registration, username: 'maria.KELLER' }, application)
    assert.equal(again.statusCode, 409)
    assert.equal(again.json().code, 'USERNAME_TAKEN')
    const own = await post('/v1/auth/register', registration, login.json().token)
    assert.equal(own.statusCode, 403)
    assert.equal(own.json().code, 'WRONG_SCOPE')
  })

  it('gives an unknown user and a wrong password the same answer', async () => {
    const wrong = await post('/v1/auth/login', { username: 'maria.keller', password: 'wrong' })
    const unknown = await post('/v1/auth/login', { username: 'nobody.here', password: 'wrong' })
    assert.equal(wrong.statusCode, 401)
    assert.equal(wrong.json().code, 'WRONG_CREDENTIALS')
    assert.equal(wrong.body, unknown.body)
    assert.equal(unknown.statusCode, 401)
  })

  it('gives a name to one of many who register it at once, and keeps no other credentials', async () => {
    const application = gateway.applicationToken(['accounts:register'])
    const answers = await Promise.all(
      Array.from({ length: 8 }, () =>
        post('/v1/auth/register', { ...registration, username: 'contested' }, application),
      ),
    )
    assert.deepEqual(answers.map(({ statusCode }) => statusCode).sort(), [201, ...Array(7).fill(409)])
    const keys: string[] = []
    for await (const key of await gateway.buckets.credentials.keys()) keys.push(key)
    assert.equal(keys.length, 2)
  })

  it('settles a registration whose answer was lost by what stands', async () => {
    const { accounts } = gateway.buckets
    const create = accounts.create
    accounts.create = async (key, data) => {
      await create.call(accounts, key, data)
      throw new Error('the answer was lost')
    }
    try {
      const application = gateway.applicationToken(['accounts:register'])
      const answer = await post(
        '/v1/auth/register',
        { ...registration, username: 'lost.answer' },
        application,
      )
      assert.equal(answer.statusCode, 201, answer.body)
      const login = await post('/v1/auth/login', { username: 'lost.answer', password: 'correct horse' })
      assert.equal(login.json().user_id, answer.json().user_id)
    } finally {
      accounts.create = create
    }
  })

  it('makes the admin once, however often it is asked', async () => {
    await gateway.accounts.ensureAdmin('operator', 'a long password')
    const before = await gateway.written()
    await gateway.accounts.ensureAdmin('operator', 'another password')
    assert.equal(await gateway.written(), before)
    const login = await post('/v1/auth/login', { username: 'operator', password: 'a long password' })
    assert.ok(gateway.tokens.verify(login.json().token).scopes.has('admin'))
  })

  it('creates an event, whose contestants are listed in its own order', async () => {
    const event = await createEvent(7)
    assert.equal(event.event_name, 'The Grand Final')
    assert.deepEqual(
      event.contestants.map(({ contestant_name: name }) => name),
      ['Ada', 'Grace', 'Edsger'],
    )
    const listed = await get(`/v1/contestants/${event.event_id}`, gateway.userToken(8))
    assert.equal(listed.statusCode, 200)
    assert.deepEqual(listed.json(), {
      event_id: event.event_id,
      contestants: event.contestants.map((contestant, index) => ({
        ...contestant,
        contestant_image_url: contestants[index]?.contestant_image_url,
      })),
    })
  })

  it('shows the leaderboard with the most votes first, ties in the event’s own order', async () => {
    const event = await createEvent(7)
    gateway.board = async () => ({ version: 1, totals: [3, 5, 3], ackedAtMs: 1 })
    const answer = await get(`/v1/event/${event.event_id}/leaderboard`, gateway.userToken(8))
    assert.deepEqual(answer.json(), {
      event_id: event.event_id,
      event_name: 'The Grand Final',
      contestants: [1, 0, 2].map((index) => ({
        ...event.contestants[index],
        total_votes: [3, 5, 3][index],
      })),
    })
    gateway.board = () => Promise.reject(new VotestreamError('RESULTS_UNAVAILABLE', { retryAfterSeconds: 1 }))
    const away = await get(`/v1/event/${event.event_id}/leaderboard`, gateway.userToken(8))
    assert.equal(away.statusCode, 503)
    assert.equal(away.headers['retry-after'], '1')
  })

  it('hands a vote on with all that the client sent', async () => {
    const event = await createEvent(7)
    gateway.submissions.length = 0
    const answer = await post(
      '/v1/vote/submit',
      {
        ...ballot(event, 9, 2),
        client_timestamp: '2026-05-16T22:15:30.123+02:00',
        meta: { device_id: 'phone', app_version: '4.2.0' },
      },
      gateway.userToken(9),
      {
        'idempotency-key': 'once',
        traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
      },
    )
    assert.equal(answer.statusCode, 200, answer.body)
    const [submission] = gateway.submissions
    assert.ok(submission)
    assert.equal(answer.json().vote_id, gateway.ids.voteId(submission.event, voterNumber(9)))
    const { attempt, event: number, ...rest } = submission
    assert.equal(gateway.ids.eventId(number), event.event_id)
    assert.ok(Number.isInteger(attempt) && attempt >= 0 && attempt < 2 ** 52)
    assert.deepEqual(rest, {
      voter: 9,
      contestant: 2,
      clientTimestampMs: Date.UTC(2026, 4, 16, 20, 15, 30, 123),
      deviceId: 'phone',
      appVersion: '4.2.0',
      channel: 1,
      traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
    })
    await post('/v1/vote/submit', ballot(event, 9), gateway.userToken(9), { 'idempotency-key': 'once' })
    await post('/v1/vote/submit', ballot(event, 9), gateway.userToken(9))
    assert.equal(gateway.submissions[1]?.attempt, attempt)
    assert.notEqual(gateway.submissions[2]?.attempt, attempt)
  })

  it('tells of a duplicate which vote stands, and of a closed event that it is closed', async () => {
    const event = await createEvent(7)
    const accepted = await post('/v1/vote/submit', ballot(event, 9), gateway.userToken(9))
    gateway.decide = async () => 'duplicate'
    const duplicate = await post('/v1/vote/submit', ballot(event, 9), gateway.userToken(9))
    assert.equal(duplicate.statusCode, 409)
    assert.equal(duplicate.json().code, 'DUPLICATE_VOTE')
    assert.equal(duplicate.json().vote_id, accepted.json().vote_id)
    gateway.decide = async () => 'closed'
    gateway.voteStatus = async () => 'processed'
    const stands = await post('/v1/vote/submit', ballot(event, 9), gateway.userToken(9))
    assert.deepEqual([stands.statusCode, stands.json().vote_id], [409, accepted.json().vote_id])
    for (const status of [() => Promise.reject(new Error('away')), async () => 'acked' as const]) {
      gateway.voteStatus = status
      const late = await post('/v1/vote/submit', ballot(event, 9), gateway.userToken(9))
      assert.equal(late.json().code, 'VOTING_CLOSED')
    }
    const closed = await post('/v1/vote/submit', ballot(event, 9), gateway.userToken(9))
    assert.equal(closed.statusCode, 403)
    assert.equal(closed.json().code, 'VOTING_CLOSED')
    gateway.decide = () => Promise.reject(new VotestreamError('VOTES_UNAVAILABLE', { retryAfterSeconds: 1 }))
    const away = await post('/v1/vote/submit', ballot(event, 9), gateway.userToken(9))
    assert.equal(away.statusCode, 503)
    assert.equal(away.headers['retry-after'], '1')
    gateway.decide = async () => 'accepted'
  })

  it('takes votes from the opening of an event to a minute after its end, and leaves the rest to the log', async () => {
    const { callerOf } = await import('./test-gateway.js')
    const startMs = Date.now()
    const event = await gateway.events.create(callerOf(7), {
      name: 'Later',
      contestants: [{ name: 'A', description: 'a', imageUrl: 'https://a.example' }],
      opensAtMs: startMs + 60_000,
      closesAtMs: startMs + 120_000,
    })
    const vote = {
      user_id: gateway.ids.userId(voterNumber(9)),
      event_id: event.id,
      contestant_id: event.contestantIds[0],
    }
    gateway.voteStatus = async () => 'acked'
    const codeAt = async (ms: number) => {
      gateway.nowMs = () => startMs + ms
      const answer = await post('/v1/vote/submit', vote, gateway.userToken(9))
      return answer.json().code ?? answer.statusCode
    }
    try {
      assert.equal(await codeAt(59_999), 'VOTING_NOT_OPEN')
      assert.equal(await codeAt(60_000), 200)
      assert.equal(await codeAt(179_000), 200)
      assert.equal(await codeAt(181_000), 'VOTING_CLOSED')
    } finally {
      gateway.nowMs = Date.now
    }
  })

  it('tells a vote’s status to its voter alone', async () => {
    const event = await createEvent(7)
    const { vote_id: voteId } = (await post('/v1/vote/submit', ballot(event, 9), gateway.userToken(9))).json()
    for (const status of ['acked', 'processed', 'rejected'] as const) {
      gateway.voteStatus = async () => status
      const answer = await get(`/v1/vote/${voteId}/status`, gateway.userToken(9))
      assert.deepEqual(answer.json(), {
        vote_id: voteId,
        vote_status: status,
        event_name: 'The Grand Final',
      })
    }
    const other = await get(`/v1/vote/${voteId}/status`, gateway.userToken(10))
    assert.equal(other.statusCode, 404)
    assert.equal(other.json().code, 'VOTE_NOT_FOUND')
  })

  it('lets only the creator or an admin close an event, any number of times, its end never moving later', async () => {
    const event = await createEvent(7)
    const close = (token: string) =>
      gateway.app.inject({
        method: 'POST',
        url: `/v1/event/${event.event_id}/close`,
        headers: { authorization: `Bearer ${token}` },
      })
    const stranger = await close(gateway.userToken(8))
    assert.equal(stranger.statusCode, 403)
    gateway.closings.length = 0
    const [first, second] = await Promise.all([close(gateway.userToken(7)), close(gateway.userToken(7))])
    const expected = { event_id: event.event_id, event_name: 'The Grand Final', status: 'closed' }
    assert.deepEqual(first?.json(), expected)
    assert.deepEqual(second?.json(), expected)
    const number = gateway.ids.parseEventId(event.event_id)
    const endOf = async () =>
      (await gateway.buckets.events.get(String(number)))?.json<{ closesAtMs: number }>()
    const end = await endOf()
    assert.ok(end && end.closesAtMs <= Date.now())
    assert.equal((await close(gateway.userToken(99, ['admin']))).statusCode, 200)
    assert.deepEqual(await endOf(), end)
    assert.deepEqual(gateway.closings, [number, number, number])
  })

  it('answers 503 with Retry-After while the broker is away, and works again after it', async () => {
    const event = await createEvent(7)
    await gateway.servers.kill('nats')
    const began = Date.now()
    while (gateway.nats.connected()) await new Promise((resolve) => setTimeout(resolve, 10))
    const away = await post('/v1/auth/login', { username: 'maria.keller', password: 'correct horse' })
    assert.equal(away.statusCode, 503)
    assert.equal(away.json().code, 'STORE_UNAVAILABLE')
    assert.equal(away.headers['retry-after'], '1')
    assert.ok(Date.now() - began < 5_000)
    assert.equal((await get('/readyz')).statusCode, 503)
    assert.equal((await get('/healthz')).statusCode, 200)
    await gateway.servers.start('nats')
    while (!gateway.nats.connected()) await new Promise((resolve) => setTimeout(resolve, 10))
    const back = await get(`/v1/contestants/${event.event_id}`, gateway.userToken(8))
    assert.equal(back.statusCode, 200)
  })
})
