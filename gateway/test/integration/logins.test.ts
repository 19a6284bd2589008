import assert from 'node:assert/strict'
import { startTestGateway, type TestGateway } from './test-gateway.js'

describe('logins and passwords', function () {
  this.timeout(30_000)
  let gateway: TestGateway
  before(async () => {
    gateway = await startTestGateway()
  })
  after(() => gateway?.stop())

  const rest = (url: string, payload: object, from: string, token?: string) =>
    gateway.app.inject({
      method: 'POST',
      url,
      payload,
      headers: {
        'x-forwarded-for': from,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
    })
  const login = (username: string, password: string, from: string) =>
    rest('/v1/auth/login', { username, password }, from)
  const graphql = async (query: string, from: string, token?: string) => {
    const { errors } = (await rest('/graphql', { query }, from, token)).json()
    return errors?.[0]?.extensions as Record<string, unknown> | undefined
  }
  const account = (username: string, password: string) => ({
    username,
    password,
    email: `${username}@example.org`,
    date_of_birth: '1990-01-01',
  })
  const register = (username: string, password: string) =>
    rest(
      '/v1/auth/register',
      account(username, password),
      '192.0.2.200',
      gateway.applicationToken(['accounts:register']),
    )

  it('one of the most common passwords and the username are no passwords, over REST and GraphQL', async () => {
    const token = gateway.applicationToken(['accounts:register'])
    for (const [username, password] of [
      ['maria.keller', 'Password1'],
      ['maria.keller', 'MARIA.keller'],
    ] as const) {
      const refused = await register(username, password)
      assert.equal(refused.statusCode, 400)
      assert.equal(refused.json().code, 'INVALID_FIELDS')
      assert.deepEqual(
        refused.json().errors.map(({ field }: { field: string }) => field),
        ['password'],
      )
      const told = await graphql(
        `mutation { register(input: { username: "${username}", password: "${password}", email: "a@example.org", dateOfBirth: "1990-01-01" }) { id } }`,
        '192.0.2.200',
        token,
      )
      assert.ok(told)
      assert.equal(told.code, 'INVALID_FIELDS')
      assert.deepEqual(
        (told.fields as { field: string }[]).map(({ field }) => field),
        ['password'],
      )
    }
  })

  it('after five failures an address waits, for an account that exists as for one that does not, by either interface', async () => {
    assert.equal((await register('ana.lindqvist', 'a rare pass phrase')).statusCode, 201)
    for (const [username, from] of [
      ['ana.lindqvist', '192.0.2.1'],
      ['nobody.at.all', '192.0.2.2'],
    ] as const) {
      const failed = await Promise.all(Array.from({ length: 7 }, () => login(username, 'wrong', from)))
      const statuses = failed.map(({ statusCode }) => statusCode).sort()
      assert.deepEqual(statuses, [401, 401, 401, 401, 401, 429, 429], username)
      const refused = failed.find(({ statusCode }) => statusCode === 429)
      assert.equal(refused?.json().code, 'TOO_MANY_LOGINS')
      assert.equal(refused?.headers['retry-after'], '1')
    }
  })

  it('failures by GraphQL and by REST count together', async () => {
    const query = 'mutation { login(username: "by.both", password: "wrong") { token } }'
    for (let n = 0; n < 3; n++) assert.equal((await graphql(query, '192.0.2.3'))?.code, 'WRONG_CREDENTIALS')
    for (let n = 0; n < 2; n++) assert.equal((await login('by.both', 'wrong', '192.0.2.3')).statusCode, 401)
    assert.equal((await graphql(query, '192.0.2.3'))?.code, 'TOO_MANY_LOGINS')
  })

  it('an owner gets in from elsewhere while one address guesses', async () => {
    await Promise.all(Array.from({ length: 10 }, () => login('ana.lindqvist', 'wrong', '192.0.2.9')))
    assert.equal((await login('ana.lindqvist', 'a rare pass phrase', '192.0.2.10')).statusCode, 200)
  })
})
