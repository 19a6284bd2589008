import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { emitOpenapi } from '../../src/openapi.js'

interface Operation {
  readonly summary?: string
  readonly description?: string
  readonly security?: readonly object[]
  readonly responses: Readonly<Record<string, { description: string; content?: object }>>
}

describe('the OpenAPI document', () => {
  it('stands in the repository as the routes give it (npm run openapi writes it)', async () => {
    const committed = await readFile(new URL('../../../../schema/openapi.json', import.meta.url), 'utf8')
    assert.equal(committed, await emitOpenapi())
  })

  it('describes every operation with all its failures', async () => {
    const { paths } = JSON.parse(await emitOpenapi())
    const listed: Record<string, readonly number[]> = {
      'post /v1/auth/login': [200, 400, 401],
      'post /v1/auth/register': [201, 400, 401, 403, 409],
      'post /v1/event/create': [201, 400, 401, 403],
      'post /v1/event/{event_id}/close': [200, 400, 401, 403, 404],
      'get /v1/event/{event_id}/leaderboard': [200, 304, 400, 401, 403, 404],
      'get /v1/event/{event_id}/leaderboard/stream': [200, 400, 401, 403, 404],
      'get /v1/contestants/{event_id}': [200, 400, 401, 403, 404],
      'post /v1/vote/submit': [200, 400, 401, 403, 404, 409],
      'post /v1/vote/{vote_id}/decision': [200, 400, 401, 403, 404],
      'get /v1/vote/{vote_id}/status': [200, 400, 401, 403, 404],
    }
    const found: string[] = []
    for (const [path, methods] of Object.entries<Record<string, Operation>>(paths)) {
      for (const [method, operation] of Object.entries(methods)) {
        const name = `${method} ${path}`
        found.push(name)
        assert.ok(operation.summary && operation.description, name)
        const statuses = Object.keys(operation.responses).map(Number)
        const bodied = method === 'post' ? [413, 415] : []
        for (const status of [...(listed[name] ?? []), ...bodied, 431, 500, 503, 504]) {
          assert.ok(statuses.includes(status), `${name} ${status}`)
        }
      }
    }
    assert.deepEqual(found.sort(), Object.keys(listed).sort())
  })

  it('takes an API key beside the token, never instead of it, and documents what is refused without one', async () => {
    const { paths, security, components } = JSON.parse(await emitOpenapi())
    const { description, ...scheme } = components.securitySchemes.apiKey
    assert.deepEqual(scheme, { type: 'apiKey', in: 'header', name: 'x-api-key' })
    assert.match(description, /API_KEY_REQUIRED.*API_KEY_INVALID/)
    assert.deepEqual(security, [{ bearer: [] }, { bearer: [], apiKey: [] }])
    const own = new Map<string, unknown>()
    for (const methods of Object.values<Record<string, Operation & { operationId: string }>>(paths)) {
      for (const operation of Object.values(methods)) {
        if (operation.security) own.set(operation.operationId, operation.security)
        assert.match(operation.responses['403']?.description ?? '', /`API_KEY_REQUIRED`.*`API_KEY_INVALID`/)
      }
    }
    assert.deepEqual(own, new Map([['login', [{}, { apiKey: [] }]]]))
  })
})
