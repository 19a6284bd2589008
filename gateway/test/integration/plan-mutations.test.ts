import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { voterNumber } from '@votestream/schema/numbers'
import type { Scope } from '@votestream/schema/scopes'
import { startTestGateway, type TestGateway } from './test-gateway.js'

const CREATE_PLAN = 'mutation ($input: UsagePlanInput!) { createUsagePlan(input: $input) { name } }'
const CREATE_KEY = `mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) {
  text apiKey { id userId application createdAt plan { name quota { limit period } } } } }`
const MINE = '{ myApiKeys { id plan { name } usage { limit period used remaining startedAt renewsAt } } }'
const PLAN = { name: 'partner', ratePerSecond: 50, burst: 10, quota: { limit: 1_000, period: 'WEEK' } }
const DAY_MS = 86_400_000

describe('usage plans and API keys by GraphQL', () => {
  let gateway: TestGateway
  before(async () => {
    gateway = await startTestGateway()
    await data(CREATE_PLAN, { input: PLAN })
  })
  after(() => gateway.stop())

  const ask = async (query: string, variables: object = {}, token = gateway.userToken(1, ['admin'])) => {
    const answer = await gateway.app.inject({
      method: 'POST',
      url: '/graphql',
      payload: { query, variables },
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    })
    return answer.json()
  }
  const data = async (query: string, variables?: object, token?: string) => {
    const answer = await ask(query, variables, token)
    assert.equal(answer.errors, undefined, JSON.stringify(answer.errors))
    return answer.data
  }
  const userId = (voter: number) => gateway.ids.userId(voterNumber(voter))
  const createKey = async (owner: object) =>
    (await data(CREATE_KEY, { input: { plan: 'partner', ...owner } })).createApiKey
  const untilKnown = async (text: string): Promise<void> => {
    for (;;) {
      try {
        gateway.apiKeys.identify(text)
        return
      } catch {
        await pause(2)
      }
    }
  }

  it('create, list, rotate, revoke and remove, as the command line does', async () => {
    const { text, apiKey } = await createKey({ userId: userId(7) })
    assert.deepEqual(apiKey.plan, { name: 'partner', quota: { limit: 1_000, period: 'WEEK' } })
    assert.deepEqual([apiKey.userId, apiKey.application], [userId(7), null])
    const { id } = apiKey
    const rotate =
      'mutation ($id: ID!) { rotateApiKey(id: $id, graceSeconds: 60) { text apiKey { id previousUntil } } }'
    const { rotateApiKey: rotated } = await data(rotate, { id })
    assert.ok(rotated.text !== text && rotated.apiKey.previousUntil)
    assert.equal(rotated.apiKey.id, id)
    const list =
      '{ usagePlans { name ratePerSecond burst } apiKeys(plan: "partner", first: 500) { id revokedAt } }'
    const { usagePlans, apiKeys } = await data(list)
    assert.deepEqual(usagePlans, [{ name: 'partner', ratePerSecond: 50, burst: 10 }])
    assert.deepEqual(apiKeys, [{ id, revokedAt: null }])
    const revoke = 'mutation ($id: ID!) { revokeApiKey(id: $id) { id revokedAt usage { used } } }'
    const { revokeApiKey: revoked } = await data(revoke, { id })
    assert.ok(revoked.revokedAt)
    assert.equal(revoked.usage, null)
    assert.deepEqual(await data('mutation ($id: ID!) { removeApiKey(id: $id) }', { id }), {
      removeApiKey: id,
    })
    const change =
      'mutation ($input: UsagePlanInput!) { changeUsagePlan(input: $input) { burst quota { limit } } }'
    const { changeUsagePlan: changed } = await data(change, { input: { ...PLAN, burst: 20, quota: null } })
    assert.deepEqual(changed, { burst: 20, quota: null })
    await data(change, { input: PLAN })
    await data(CREATE_PLAN, { input: { ...PLAN, name: 'other' } })
    assert.deepEqual(await data('mutation { removeUsagePlan(name: "other") }'), { removeUsagePlan: 'other' })
  })

  it('pages through the keys in order, each once', async () => {
    for (let number = 0; number < 5; number += 1) await createKey({ application: `App ${number}` })
    const query = 'query ($after: ID) { apiKeys(first: 2, after: $after) { id } }'
    const seen: string[] = []
    for (;;) {
      const { apiKeys } = await data(query, { after: seen.at(-1) ?? null })
      if (apiKeys.length === 0) break
      seen.push(...apiKeys.map(({ id }: { id: string }) => id))
    }
    assert.deepEqual(seen, [...new Set(seen)].sort())
    assert.equal(seen.length, 5)
  })

  it('an owner sees its own keys and how far their quotas are used up, and nobody else does', async () => {
    const { text, apiKey } = await createKey({ userId: userId(42) })
    await untilKnown(text)
    const key = gateway.apiKeys.identify(text)
    assert.ok(key)
    for (let request = 0; request < 7; request += 1)
      assert.equal(await gateway.quotas.take(key, 1), undefined)
    const token = gateway.userToken(42)
    let usage: Record<string, unknown>
    do {
      const { myApiKeys } = await data(MINE, {}, token)
      assert.deepEqual([myApiKeys.length, myApiKeys[0].id, myApiKeys[0].plan.name], [1, apiKey.id, 'partner'])
      usage = myApiKeys[0].usage
      // What was held is told with the next flush.
    } while (usage.used !== 7)
    const { limit, period, remaining, startedAt, renewsAt } = usage
    assert.deepEqual([limit, period, remaining], [1_000, 'WEEK', 993])
    const [start, end] = [new Date(String(startedAt)), new Date(String(renewsAt))]
    assert.equal(end.getTime() - start.getTime(), 7 * DAY_MS)
    assert.equal(start.getUTCDay(), 1)
    assert.deepEqual((await data(MINE, {}, gateway.userToken(43))).myApiKeys, [])
    assert.deepEqual((await data(MINE, {}, gateway.applicationToken(['votes']))).myApiKeys, [])
  })

  it('only an admin may do any of it, and only with a token may somebody see its own', async () => {
    const id = '0'.repeat(16)
    const operations = [
      '{ usagePlans { name } }',
      '{ apiKeys { id } }',
      `mutation { createUsagePlan(input: { name: "mine", ratePerSecond: 1, burst: 1 }) { name } }`,
      `mutation { changeUsagePlan(input: { name: "partner", ratePerSecond: 1, burst: 1 }) { name } }`,
      'mutation { removeUsagePlan(name: "partner") }',
      'mutation { createApiKey(input: { plan: "partner", application: "a" }) { text } }',
      `mutation { rotateApiKey(id: "${id}") { text } }`,
      `mutation { revokeApiKey(id: "${id}") { id } }`,
      `mutation { removeApiKey(id: "${id}") }`,
    ]
    const everyone: Scope[] = ['votes', 'events', 'results:read', 'accounts:register']
    for (const query of operations)
      assert.equal(
        (await ask(query, {}, gateway.userToken(5, everyone))).errors?.[0].extensions.code,
        'WRONG_SCOPE',
        query,
      )
    const { errors } = (
      await gateway.app.inject({ method: 'POST', url: '/graphql', payload: { query: MINE } })
    ).json()
    assert.equal(errors[0].extensions.code, 'UNAUTHENTICATED')
    assert.deepEqual((await data('{ usagePlans { ratePerSecond } }')).usagePlans, [{ ratePerSecond: 50 }])
  })

  it('bad input is refused by the name of each field', async () => {
    const refused: [query: string, input: object | undefined, code: string, fields: string[]][] = [
      [
        CREATE_PLAN,
        { name: 'A b', ratePerSecond: -1, burst: 0, quota: { limit: 0, period: 'DAY' } },
        'INVALID_FIELDS',
        ['name', 'ratePerSecond', 'burst', 'quota.limit'],
      ],
      [CREATE_PLAN, PLAN, 'PLAN_TAKEN', []],
      [CREATE_KEY, { plan: 'partner' }, 'INVALID_FIELDS', ['userId']],
      [CREATE_KEY, { plan: 'partner', userId: userId(1), application: 'x' }, 'INVALID_FIELDS', ['userId']],
      [CREATE_KEY, { plan: 'partner', userId: 'x' }, 'INVALID_ID', ['userId']],
      [CREATE_KEY, { plan: 'partner', application: '\u200b' }, 'INVALID_FIELDS', ['application']],
      [CREATE_KEY, { plan: 'none', application: 'x' }, 'PLAN_NOT_FOUND', []],
      ['mutation { revokeApiKey(id: "x") { id } }', undefined, 'INVALID_FIELDS', ['id']],
      ['mutation { revokeApiKey(id: "0000000000000000") { id } }', undefined, 'API_KEY_NOT_FOUND', []],
      [
        'mutation { rotateApiKey(id: "0000000000000000", graceSeconds: -1) { text } }',
        undefined,
        'INVALID_FIELDS',
        ['graceSeconds'],
      ],
      ['mutation { removeUsagePlan(name: "*") }', undefined, 'INVALID_FIELDS', ['name']],
      ['{ apiKeys(first: 501) { id } }', undefined, 'INVALID_FIELDS', ['first']],
      ['{ apiKeys(after: "x") { id } }', undefined, 'INVALID_FIELDS', ['after']],
    ]
    for (const [query, input, code, fields] of refused) {
      const { errors } = await ask(query, input && { input })
      const named = errors?.[0].extensions.fields?.map(({ field }: { field: string }) => field) ?? []
      assert.deepEqual([errors?.[0].extensions.code, named], [code, fields], query)
    }
  })
})
