import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import { openPlace, type Place } from '../hostile/place.js'

const PASSWORD = 'marked-password-5d1f'
const WRONG_PASSWORD = 'marked-wrong-83ab'
const USERNAME = 'marked.username.77'
const EMAIL = 'marked.email.19@example.org'
const FORGED = 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJtYXJrZWQtdG9rZW4ifQ.bWFya2VkLXRva2Vu'

/** Everything that runs says everything that it can say. */
describe('the logs of all services', function () {
  this.timeout(60_000)
  let place: Place

  before(async () => {
    place = await openPlace({ LOG_LEVEL: 'trace', LOG_REQUESTS_RATIO: '1' })
  })
  after(() => place?.stop())

  const logs = async (): Promise<Map<string, string>> => {
    const { folder } = place.system.servers
    const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.log'))
    return new Map(
      await Promise.all(
        names.map(async (name) => [name, await readFile(join(folder, name), 'utf8')] as [string, string]),
      ),
    )
  }
  const written = async (event: string): Promise<void> => {
    while (![...(await logs()).values()].some((text) => text.includes(`"event.action":"${event}"`)))
      await pause(50)
  }
  const login = (password: string) =>
    place.ask({ path: '/v1/auth/login', body: { username: USERNAME, password } })
  const graphql = (query: string, token?: string) => place.ask({ path: '/graphql', token, body: { query } })

  it('hold no password, token, username or email address, whatever was sent; and tell what happened', async () => {
    const secrets = new Set([
      PASSWORD,
      WRONG_PASSWORD,
      USERNAME,
      EMAIL,
      FORGED,
      place.application,
      place.admin,
    ])
    const registration = { username: USERNAME, password: PASSWORD, email: EMAIL, date_of_birth: '1990-01-01' }
    const register = (body: unknown, token?: string) => place.ask({ path: '/v1/auth/register', token, body })
    assert.equal((await register(registration, place.application)).status, 201)
    assert.equal((await register(registration, place.application)).status, 409)
    assert.equal((await register({ ...registration, password: 'password1' }, place.application)).status, 400)
    assert.equal((await register({ ...registration, more: EMAIL }, FORGED)).status, 401)
    assert.equal(
      (await register(`{"password":"${PASSWORD}",,"email":"${EMAIL}"`, place.application)).status,
      400,
    )
    const answer = await login(PASSWORD)
    assert.equal(answer.status, 200)
    const { token, user_id } = JSON.parse(answer.body) as { token: string; user_id: string }
    secrets.add(token)
    assert.equal((await register(registration, token)).status, 403)
    const statuses: number[] = []
    for (let n = 0; n < 8; n++) statuses.push((await login(WRONG_PASSWORD)).status)
    assert.deepEqual(statuses.slice(0, 5), [401, 401, 401, 401, 401])
    assert(statuses.includes(429))
    await login(`${WRONG_PASSWORD}${'\\u0000'}`)
    await graphql(`mutation { login(username: "${USERNAME}", password: "${WRONG_PASSWORD}") { token } }`)
    await graphql(`mutation { login(username: "${USERNAME}", password: "${WRONG_PASSWORD}" { token } }`)
    await graphql('{ me { id username } }', token)
    await graphql('{ me { id } }', FORGED)
    const vote = { user_id, event_id: place.event.id, contestant_id: place.event.contestantIds[0] }
    assert.equal((await place.ask({ path: '/v1/vote/submit', token, body: vote })).status, 200)
    assert.equal((await place.ask({ path: '/v1/vote/submit', token, body: vote })).status, 409)
    for (const authorization of [`Basic ${FORGED}`, `Bearer ${token} ${token}`, `Bearer ${token}x`, PASSWORD])
      await place.ask({ path: '/v1/vote/submit', headers: { authorization }, body: vote })
    await place.ask({ method: 'GET', path: `/v1/vote/x/status?access_token=${token}&password=${PASSWORD}` })
    await place.raw(`POST /v1/auth/login HTTP/1.1\r\nHost: a\r\nX: ${PASSWORD}\r\nContent-Length: x\r\n\r\n`)
    await place.socket([{ type: 'connection_init', payload: { Authorization: `Bearer ${FORGED}` } }])
    await place.socket([`{"type":"connection_init","payload":{"password":"${PASSWORD}"`])
    await graphql('mutation { logout }', token)
    await written('user-revoked')
    // With the broker gone every failure has a cause, and is told with it.
    await place.system.servers.kill('nats')
    const traced = { traceparent: `00-${'0a'.repeat(16)}-${'b7'.repeat(8)}-01` }
    const credentials = { username: USERNAME, password: PASSWORD }
    await place.ask({ path: '/v1/auth/login', body: credentials, headers: traced })
    await register({ ...registration, username: `${USERNAME}b` }, place.application)
    await place.system.servers.start('nats')

    for (const event of ['login-succeeded', 'login-failed', 'login-throttled', 'registered', 'token-refused'])
      await written(event)
    await written('scope-refused')
    const all = await logs()
    assert(all.size >= 5, [...all.keys()].join(' '))
    for (const [name, text] of all) {
      for (const secret of secrets) {
        const at = text.toLowerCase().indexOf(secret.toLowerCase())
        assert(at < 0, `${name}: ${text.slice(Math.max(0, at - 200), at + 60)}`)
      }
    }
  })

  it('hold every field that the shippers look for, and none that Elasticsearch is not told of', async () => {
    const lines = [...(await logs())]
      .filter(([name]) => SHIPPED.test(name))
      .flatMap(([, text]) => text.split('\n').slice(0, -1))
      .map((line) => flattened(JSON.parse(line)))
    assert.ok(lines.length > 50, `${lines.length}`)
    const seen = new Map(lines.flatMap((line) => [...line]))
    const named = await alloyFields()
    assert.ok(named.size >= 8)
    for (const field of named) assert.ok(seen.has(field), `no line has ${field}`)
    const mapping = await elasticFields()
    for (const [field, value] of seen) {
      const type = mapping.get(field.startsWith('votestream.') ? 'votestream' : field)
      assert.ok(type !== undefined, `${field} is mapped to nothing`)
      if (type !== 'flattened') assert.equal(typeof value, JSON_TYPES[type], `${field} of ${type}`)
    }
    for (const field of mapping.keys())
      assert.ok(
        [...seen.keys()].some((name) => name === field || name.startsWith(`${field}.`)),
        field,
      )
  })
})

const SHIPPED = /^(gateway|ingest|processor).*\.log$/
const JSON_TYPES: Record<string, string> = {
  date: 'string',
  keyword: 'string',
  match_only_text: 'string',
  wildcard: 'string',
  long: 'number',
}
const infra = (name: string) => readFile(join(repositoryRoot(), 'infra', name), 'utf8')

/** As Filebeat expands them: `trace.id` is `{ trace: { id } }`. */
const flattened = (record: object, prefix = ''): Map<string, unknown> =>
  new Map(
    Object.entries(record).flatMap(([name, value]) =>
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? [...flattened(value, `${prefix}${name}.`)]
        : [[`${prefix}${name}`, value] as const],
    ),
  )

/** What Alloy takes out of a line: `"log.level"` with its quotes is one name. */
const alloyFields = async (): Promise<Set<string>> => {
  const text = await infra('loki/alloy.alloy')
  const block = /stage\.json \{\s*expressions = \{([\s\S]*?)\}/.exec(text)?.[1] ?? ''
  return new Set([...block.matchAll(/= `([^`]+)`/g)].map(([, name = '']) => name.replaceAll('"', '')))
}

interface Mapped {
  readonly type?: string
  readonly properties?: Readonly<Record<string, Mapped>>
}

const elasticFields = async (): Promise<Map<string, string>> => {
  const { template } = JSON.parse(await infra('elastic/index-template.json'))
  const fields = (properties: Readonly<Record<string, Mapped>>, prefix = ''): [string, string][] =>
    Object.entries(properties).flatMap(([name, { type, properties: inner }]) =>
      type === undefined ? fields(inner ?? {}, `${prefix}${name}.`) : [[`${prefix}${name}`, type]],
    )
  return new Map(fields(template.mappings.properties))
}
