import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { contestantIndex, eventNumber, voterNumber } from '@votestream/schema/numbers'
import { createOpaqueIds } from '@votestream/schema/opaque-ids'
import { callerOf, FIRST_ENTRY, startTestGateway, type TestGateway } from './test-gateway.js'

type Body = Record<string, unknown>

/** An operation with a body, and how each of its fields can be wrong. */
interface Operation {
  readonly url: string
  readonly good: () => Body
  readonly token: () => string | undefined
  /** Values by the field's name: `a.b` and `a[0].b` reach into the body. */
  readonly wrong: Readonly<Record<string, readonly unknown[]>>
  readonly required: readonly string[]
}

const WRONG_TYPES = [null, 7, true, [], {}]
const MALFORMED_IDS = ['', 'short', 'x'.repeat(22), '../../etc/passwd', 'ä'.repeat(22)]
const words = (length: number) => 'x'.repeat(length)

describe('bad input', () => {
  let gateway: TestGateway
  let event: { id: string; contestantIds: readonly string[] }
  let other: { id: string; contestantIds: readonly string[] }

  before(async () => {
    gateway = await startTestGateway()
    const draft = { opensAtMs: null, closesAtMs: null }
    const contestants = [{ name: 'A', description: 'a', imageUrl: 'https://a.example/a.png' }]
    event = await gateway.events.create(callerOf(7), { ...draft, name: 'Event', contestants })
    other = await gateway.events.create(callerOf(7), { ...draft, name: 'Other', contestants })
  })
  after(() => gateway.stop())

  const userId = (voter: number) => gateway.ids.userId(voterNumber(voter))
  const contestant = () => ({
    contestant_name: 'Ada',
    contestant_description: 'Sings.',
    contestant_image_url: 'https://images.example.com/ada.jpg',
  })

  const operations: Record<string, Operation> = {
    login: {
      url: '/v1/auth/login',
      good: () => ({ username: 'maria', password: 'correct horse' }),
      token: () => undefined,
      required: ['username', 'password'],
      wrong: {
        username: [...WRONG_TYPES, '', words(65)],
        password: [...WRONG_TYPES, '', words(257)],
        extra: ['x'],
      },
    },
    register: {
      url: '/v1/auth/register',
      good: () => ({
        username: 'maria',
        password: 'correct horse',
        email: 'maria@example.com',
        date_of_birth: '1990-05-17',
      }),
      token: () => gateway.applicationToken(['accounts:register']),
      required: ['username', 'password', 'email', 'date_of_birth'],
      wrong: {
        username: [
          ...WRONG_TYPES,
          ...['', 'ab', words(65), ' maria', 'maria ', 'ma\u0000ria', 'ma\u200bria', 'ma\ud800ria', '     '],
        ],
        password: [...WRONG_TYPES, '', 'seven77', words(257), 'lone\udc00surrogate'],
        email: [
          ...WRONG_TYPES,
          ...['', 'maria', 'maria@', '@example.com', 'maria@example', 'a b@example.com', 'a..b@example.com'],
          ...[
            'maria@-example.com',
            `${words(65)}@example.com`,
            `m@${'a.'.repeat(130)}com`,
            'm@example.com\n',
          ],
        ],
        date_of_birth: [
          ...WRONG_TYPES,
          ...['', '1990-5-17', '17.05.1990', '1990-02-30', '2023-02-29', '1899-12-31', '2999-01-01'],
          ...['1990-13-01', '1990-00-10', '1990-05-17T00:00:00Z', new Date().toISOString().slice(0, 10)],
        ],
        extra: ['x'],
        user_id: ['x'],
      },
    },
    'create event': {
      url: '/v1/event/create',
      good: () => ({ user_id: userId(7), event_name: 'Final', contestants: [contestant()] }),
      token: () => gateway.userToken(7),
      required: ['user_id', 'event_name', 'contestants'],
      wrong: {
        user_id: [...WRONG_TYPES, ...MALFORMED_IDS],
        event_name: [...WRONG_TYPES, '', '   ', words(201), 'line\nbreak', '\ud800'],
        contestants: [
          ...[null, 7, 'x', {}, []],
          Array.from({ length: 501 }, (_, index) => ({ ...contestant(), contestant_name: `n${index}` })),
        ],
        'contestants[0]': [null, 7, 'x', []],
        'contestants[0].contestant_name': [...WRONG_TYPES, '', ' ', words(201)],
        'contestants[0].contestant_description': [...WRONG_TYPES, '', ' ', words(2_001)],
        'contestants[0].contestant_image_url': [
          ...WRONG_TYPES,
          ...[
            '',
            'ada.jpg',
            'ftp://a.example/a',
            'javascript:alert(1)',
            'http://',
            'https://a b/',
            '//a.example',
          ],
          ...[`https://a.example/${words(2_048)}`, 'https://a.example/\n', ' https://a.example/'],
        ],
        'contestants[0].votes': [100],
        extra: ['x'],
      },
    },
    'decide on a vote': {
      get url() {
        return `/v1/vote/${gateway.ids.voteId(eventNumber(1), voterNumber(9))}/decision`
      },
      good: () => ({ verdict: 'reject' }),
      token: () => gateway.userToken(7, ['admin']),
      required: ['verdict'],
      wrong: {
        verdict: [...WRONG_TYPES, '', 'REJECT', 'Admit', 'rejected', 'reject ', 1, words(10_000)],
        extra: ['x'],
        user_id: ['x'],
      },
    },
    'submit a vote': {
      url: '/v1/vote/submit',
      good: () => ({
        user_id: userId(9),
        event_id: event.id,
        contestant_id: event.contestantIds[0],
        client_timestamp: '2026-05-16T20:15:30.123Z',
        meta: { device_id: 'd', app_version: '1' },
      }),
      token: () => gateway.userToken(9),
      required: ['user_id', 'event_id', 'contestant_id'],
      wrong: {
        user_id: [...WRONG_TYPES, ...MALFORMED_IDS],
        event_id: [...WRONG_TYPES, ...MALFORMED_IDS],
        contestant_id: [...WRONG_TYPES, ...MALFORMED_IDS],
        client_timestamp: [
          ...WRONG_TYPES,
          ...['', 'now', '2026-05-16', '2026-05-16T20:15:30', '2026-02-30T20:15:30Z', '2026-05-16T24:15:30Z'],
          ...[
            '2026-05-16T20:60:30Z',
            '1969-12-31T23:59:59Z',
            '2200-01-01T00:00:00Z',
            '2026-05-16T20:15:30+25:00',
          ],
          ...['2026-05-16 20:15:30Z', '1789-07-14T00:00:00Z', '+026-05-16T20:15:30Z'],
        ],
        meta: [null, 7, 'x', []],
        'meta.device_id': [...WRONG_TYPES, '', words(201)],
        'meta.app_version': [...WRONG_TYPES, '', words(101)],
        'meta.extra': ['x'],
        extra: ['x'],
      },
    },
  }

  const post = (url: string, payload: unknown, token?: string, headers: Record<string, string> = {}) =>
    gateway.app.inject({
      method: 'POST',
      url,
      payload: typeof payload === 'string' ? payload : JSON.stringify(payload),
      headers: {
        'content-type': 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...headers,
      },
    })

  const refused = async (
    answer: Awaited<ReturnType<typeof post>>,
    status: number,
    codes: readonly string[],
    field?: string,
  ) => {
    const problem = answer.json()
    const said = `${answer.body.slice(0, 300)}`
    assert.equal(answer.statusCode, status, said)
    assert.match(String(answer.headers['content-type']), /^application\/problem\+json/)
    assert.equal(problem.status, status)
    assert.ok(codes.includes(problem.code), said)
    if (field === undefined) return
    const fields = problem.errors.map((fault: { field: string }) => fault.field)
    assert.deepEqual(fields, [field], said)
    assert.ok(problem.errors[0].message.length > 5, said)
  }

  for (const [name, operation] of Object.entries(operations)) {
    describe(name, () => {
      let before: number
      beforeEach(async () => {
        before = await gateway.written()
        gateway.submissions.length = 0
        gateway.decisions.length = 0
      })
      afterEach('nothing was written', async () => {
        assert.equal(await gateway.written(), before)
        assert.deepEqual(gateway.submissions, [])
        assert.deepEqual(gateway.decisions, [])
      })

      it('names each field that is wrong', async () => {
        for (const [field, values] of Object.entries(operation.wrong)) {
          for (const value of values) {
            const body = changed(operation.good(), field, value)
            const answer = await post(operation.url, body, operation.token())
            await refused(answer, 400, ['INVALID_FIELDS', 'INVALID_ID'], field)
          }
        }
      })

      it('names each field that is missing', async () => {
        for (const field of operation.required) {
          const body = operation.good()
          delete body[field]
          await refused(await post(operation.url, body, operation.token()), 400, ['INVALID_FIELDS'], field)
        }
        const answer = await post(operation.url, {}, operation.token())
        const fields = answer.json().errors.map((fault: { field: string }) => fault.field)
        assert.deepEqual(fields.sort(), [...operation.required].sort())
      })

      it('refuses a body that is no JSON object', async () => {
        for (const body of ['[]', 'null', '7', '"x"']) {
          await refused(await post(operation.url, body, operation.token()), 400, ['INVALID_FIELDS'], 'body')
        }
        for (const body of ['', '{', '{"a":1,}', "{'a':1}", '{"__proto__":{"x":1}}', '\u0000']) {
          await refused(await post(operation.url, body, operation.token()), 400, ['INVALID_JSON'])
        }
        const none = await gateway.app.inject({
          method: 'POST',
          url: operation.url,
          headers: { authorization: `Bearer ${operation.token()}` },
        })
        await refused(none, 400, ['INVALID_FIELDS'], 'body')
      })

      it('refuses another content type, and none', async () => {
        for (const type of [
          'text/plain',
          'application/x-www-form-urlencoded',
          'application/xml',
          'nonsense',
        ]) {
          const answer = await post(operation.url, operation.good(), operation.token(), {
            'content-type': type,
          })
          await refused(answer, 415, ['UNSUPPORTED_MEDIA_TYPE'])
        }
        const answer = await gateway.app.inject({
          method: 'POST',
          url: operation.url,
          payload: Buffer.from(JSON.stringify(operation.good())),
          headers: { authorization: `Bearer ${operation.token()}` },
        })
        await refused(answer, 415, ['UNSUPPORTED_MEDIA_TYPE'])
      })

      it('refuses what is not plain UTF-8, whatever it is called', async () => {
        const headers = { authorization: `Bearer ${operation.token()}`, 'content-type': 'application/json' }
        const send = (payload: Buffer, more: Record<string, string> = {}) =>
          gateway.app.inject({
            method: 'POST',
            url: operation.url,
            payload,
            headers: { ...headers, ...more },
          })
        const good = Buffer.from(JSON.stringify(operation.good()))
        // A string of one byte that no text in UTF-8 holds.
        const broken = Buffer.concat([Buffer.from('{"username":"'), Buffer.of(0xff), Buffer.from('"}')])
        await refused(await send(broken), 400, ['INVALID_JSON'])
        for (const encoding of ['gzip', 'br', 'nonsense']) {
          await refused(await send(good, { 'content-encoding': encoding }), 415, ['UNSUPPORTED_MEDIA_TYPE'])
        }
        for (const charset of ['latin1', 'utf-16']) {
          const type = `application/json; charset=${charset}`
          await refused(await send(good, { 'content-type': type }), 415, ['UNSUPPORTED_MEDIA_TYPE'])
        }
      })

      it('refuses a body of more than 10 MB, whatever it holds', async () => {
        const answer = await post(operation.url, words(10 * 1024 * 1024 + 1), operation.token())
        await refused(answer, 413, ['PAYLOAD_TOO_LARGE'])
      })

      it('looks at a flood of faults no further than it has to', async () => {
        const body = { ...operation.good(), contestants: Array(1_000_000).fill({}) }
        const answer = await post(operation.url, body, operation.token())
        await refused(answer, 400, ['INVALID_FIELDS'])
        assert.ok(answer.body.length < 20_000)
      })

      if (name === 'login') return
      it('refuses every token that is not valid, before it looks at the body', async () => {
        for (const authorization of badAuthorizations()) {
          const headers = authorization === undefined ? {} : { authorization }
          for (const body of [operation.good(), '{', {}]) {
            const answer = await post(operation.url, body, undefined, headers as Record<string, string>)
            await refused(answer, 401, ['UNAUTHENTICATED'])
            assert.equal(answer.headers['www-authenticate'], 'Bearer')
          }
        }
      })
    })
  }

  const badAuthorizations = (): (string | undefined)[] => {
    const good = gateway.userToken(9, ['admin'])
    const [head, claims, signature] = good.split('.') as [string, string, string]
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const read = JSON.parse(Buffer.from(claims, 'base64url').toString())
    const signed = (header: object, body: object) => {
      const text = `${encode(header)}.${encode(body)}`
      const mac = createHmac('sha256', 'another secret for the tests').update(text).digest('base64url')
      return `Bearer ${text}.${mac}`
    }
    const hs256 = { alg: 'HS256', typ: 'JWT' }
    const past = Math.floor(Date.now() / 1_000) - 10
    const strange = createOpaqueIds('other').userId(voterNumber(9))
    return [
      undefined,
      '',
      'Bearer',
      'Bearer ',
      'Bearer x',
      'Bearer a.b.c',
      `Basic ${good}`,
      good,
      `Bearer ${head}.${claims}.`,
      `Bearer ${head}.${claims}.${signature.slice(1)}x`,
      `Bearer ${head}.${encode({ ...read, sub: userId(1) })}.${signature}`,
      `Bearer ${encode({ alg: 'none', typ: 'JWT' })}.${claims}.`,
      signed({ alg: 'HS512', typ: 'JWT' }, read),
      signed(hs256, { ...read, exp: past }),
      signed(hs256, { ...read, exp: undefined }),
      signed(hs256, { ...read, exp: 'never' }),
      signed(hs256, { ...read, iss: 'somebody' }),
      signed(hs256, { ...read, iss: undefined }),
      signed(hs256, { ...read, aud: 'somebody' }),
      signed(hs256, { ...read, scope: undefined }),
      signed(hs256, { ...read, scope: ['admin'] }),
      signed(hs256, { ...read, sub: strange }),
      signed(hs256, { ...read, sub: 9 }),
      signed(hs256, { ...read, sub: '' }),
    ]
  }

  it('accepts as a control the token that the bad ones are made from', async () => {
    const answer = await gateway.app.inject({
      url: `/v1/contestants/${event.id}`,
      headers: { authorization: `bearer ${gateway.userToken(9, ['admin'])}` },
    })
    assert.equal(answer.statusCode, 200)
  })

  it('tells a malformed identifier in a path from one that names nothing', async () => {
    const unknownEvent = gateway.ids.eventId(eventNumber(4_000_000))
    const unknownVote = gateway.ids.voteId(eventNumber(4_000_000), voterNumber(9))
    const othersVote = gateway.ids.voteId(eventNumber(1), voterNumber(10))
    const paths: [path: string, field: string, unknown: string[], code: string][] = [
      ['/v1/event/ID/leaderboard', 'event_id', [unknownEvent], 'EVENT_NOT_FOUND'],
      ['/v1/contestants/ID', 'event_id', [unknownEvent], 'EVENT_NOT_FOUND'],
      ['/v1/vote/ID/status', 'vote_id', [unknownVote, othersVote], 'VOTE_NOT_FOUND'],
    ]
    const headers = { authorization: `Bearer ${gateway.userToken(9)}` }
    for (const [path, field, unknown, code] of paths) {
      for (const id of [...MALFORMED_IDS.filter((text) => text !== ''), userId(9), words(5_000), 'a%00b']) {
        const answer = await gateway.app.inject({ url: path.replace('ID', encodeURIComponent(id)), headers })
        await refused(answer, 400, ['INVALID_ID'], field)
      }
      for (const id of unknown) {
        await refused(await gateway.app.inject({ url: path.replace('ID', id), headers }), 404, [code])
      }
      const nobody = await gateway.app.inject({ url: path.replace('ID', 'x') })
      await refused(nobody, 401, ['UNAUTHENTICATED'])
      const broken = await gateway.app.inject({ url: path.replace('ID', '%zz'), headers })
      await refused(broken, 400, ['INVALID_REQUEST'])
    }
  })

  it('keeps decisions to operators, and to votes that there are', async () => {
    const decide = (id: string, token?: string) =>
      post(`/v1/vote/${encodeURIComponent(id)}/decision`, { verdict: 'reject' }, token)
    const operator = gateway.userToken(7, ['admin'])
    const number = gateway.ids.parseEventId(event.id)
    assert.ok(number)
    const vote = gateway.ids.voteId(number, voterNumber(9))
    for (const id of [...MALFORMED_IDS.filter((text) => text !== ''), userId(9), event.id, words(5_000)]) {
      await refused(await decide(id, operator), 400, ['INVALID_ID'], 'vote_id')
    }
    await refused(await decide(vote), 401, ['UNAUTHENTICATED'])
    await refused(await decide(vote, gateway.userToken(9)), 403, ['WRONG_SCOPE'])
    await refused(await decide(vote, gateway.applicationToken(['accounts:register'])), 403, ['WRONG_SCOPE'])
    const nowhere = gateway.ids.voteId(eventNumber(4_000_000), voterNumber(9))
    await refused(await decide(nowhere, operator), 404, ['VOTE_NOT_FOUND'])
    gateway.firstEntry = async () => undefined
    await refused(await decide(vote, operator), 404, ['VOTE_NOT_FOUND'])
    gateway.firstEntry = async () => FIRST_ENTRY
    assert.deepEqual(gateway.decisions, [])
    assert.equal((await decide(vote, operator)).statusCode, 200)
    assert.equal(gateway.decisions.length, 1)
  })

  it('keeps votes to their event, their user and their scope', async () => {
    const good = operations['submit a vote']?.good() ?? {}
    const vote = (body: Body, token = gateway.userToken(9)) =>
      post('/v1/vote/submit', { ...good, ...body }, token)
    const unknownEvent = gateway.ids.eventId(eventNumber(4_000_000))
    const number = gateway.ids.parseEventId(event.id)
    assert.ok(number)
    const unknownContestant = gateway.ids.contestantId(number, contestantIndex(1))
    await refused(await vote({ event_id: unknownEvent }), 404, ['EVENT_NOT_FOUND'])
    await refused(await vote({ contestant_id: other.contestantIds[0] }), 404, ['CONTESTANT_NOT_FOUND'])
    await refused(await vote({ contestant_id: unknownContestant }), 404, ['CONTESTANT_NOT_FOUND'])
    await refused(await vote({ user_id: userId(10) }), 403, ['WRONG_USER'])
    await refused(await vote({ user_id: userId(10), event_id: unknownEvent }), 403, ['WRONG_USER'])
    await refused(await vote({ user_id: userId(10), event_id: 'x' }), 400, ['INVALID_ID'], 'event_id')
    await refused(await vote({}, gateway.userToken(9, ['events', 'results:read'])), 403, ['WRONG_SCOPE'])
    await refused(await vote({}, gateway.applicationToken(['votes'])), 403, ['WRONG_SCOPE', 'WRONG_USER'])
    for (const key of ['', words(201), 'tab\there', 'ä']) {
      const headers = { 'idempotency-key': key }
      const answer = await post('/v1/vote/submit', good, gateway.userToken(9), headers)
      await refused(answer, 400, ['INVALID_FIELDS'], 'Idempotency-Key')
    }
    assert.deepEqual(gateway.submissions, [])
  })

  it('keeps events to their creator, and their contestants apart', async () => {
    const good = operations['create event']?.good() ?? {}
    const before = await gateway.written()
    const create = (body: Body, token = gateway.userToken(7)) =>
      post('/v1/event/create', { ...good, ...body }, token)
    await refused(await create({ user_id: userId(8) }), 403, ['WRONG_USER'])
    await refused(await create({}, gateway.userToken(7, ['votes'])), 403, ['WRONG_SCOPE'])
    const twins = [contestant(), { ...contestant(), contestant_name: ' Ada' }]
    await refused(
      await create({ contestants: twins }),
      400,
      ['INVALID_FIELDS'],
      'contestants[1].contestant_name',
    )
    const close = (id: string, body: unknown, token: string) => post(`/v1/event/${id}/close`, body, token)
    await refused(await close('x', {}, gateway.userToken(7)), 400, ['INVALID_ID'], 'event_id')
    const unknown = gateway.ids.eventId(eventNumber(4_000_000))
    await refused(await close(unknown, {}, gateway.userToken(7)), 404, ['EVENT_NOT_FOUND'])
    await refused(await close(event.id, {}, gateway.userToken(7, ['votes'])), 403, ['WRONG_SCOPE'])
    await refused(await close(event.id, { now: true }, gateway.userToken(7)), 400, ['INVALID_FIELDS'], 'now')
    await refused(await close(event.id, '[1]', gateway.userToken(7)), 400, ['INVALID_FIELDS'], 'body')
    assert.equal(await gateway.written(), before)
    assert.deepEqual(gateway.closings, [])
  })

  it('takes the longest and the smallest that is permitted', async () => {
    const wide = '😀'
    const body = {
      user_id: userId(7),
      event_name: wide.repeat(200),
      contestants: Array.from({ length: 500 }, (_, index) => ({
        contestant_name: `${index}`,
        contestant_description: wide.repeat(2_000),
        contestant_image_url: `https://a.example/${words(2_048 - 18)}`,
      })),
    }
    const answer = await post('/v1/event/create', body, gateway.userToken(7))
    assert.equal(answer.statusCode, 201, answer.body.slice(0, 300))
    assert.equal(answer.json().contestants.length, 500)
    const read = await gateway.app.inject({
      url: `/v1/contestants/${answer.json().event_id}`,
      headers: { authorization: `Bearer ${gateway.userToken(7)}` },
    })
    assert.equal(read.json().contestants.length, 500)
  })

  it('tells a wrong method from a wrong path', async () => {
    const cases: [
      method: 'GET' | 'POST' | 'DELETE' | 'PUT' | 'PATCH',
      url: string,
      allow: string | undefined,
    ][] = [
      ['GET', '/v1/vote/submit', 'POST'],
      ['PUT', '/v1/auth/login', 'POST'],
      ['POST', `/v1/event/${event.id}/leaderboard`, 'GET, HEAD'],
      ['DELETE', `/v1/contestants/${event.id}?x=1`, 'GET, HEAD'],
      ['PATCH', '/healthz', 'GET, HEAD'],
      ['GET', '/v1/nothing', undefined],
      ['POST', '/v1/auth/login/', undefined],
      ['GET', '/v2/contestants/x', undefined],
      ['GET', '/v1/docs/static/nothing.js', undefined],
    ]
    for (const [method, url, allow] of cases) {
      const answer = await gateway.app.inject({
        method,
        url,
        payload: method === 'GET' ? undefined : 'x',
      } as never)
      if (allow === undefined) await refused(answer, 404, ['ROUTE_NOT_FOUND'])
      else await refused(answer, 405, ['METHOD_NOT_ALLOWED'])
      assert.equal(answer.headers.allow, allow)
    }
  })
})

/** The body with one field replaced: `a.b`, `a[0].b`. */
const changed = (body: Body, field: string, value: unknown): Body => {
  const path = field.split(/[.[\]]+/).filter((part) => part !== '')
  const last = path.pop() ?? ''
  let place = body
  for (const part of path) place = place[part] as Body
  place[last] = value
  return body
}
