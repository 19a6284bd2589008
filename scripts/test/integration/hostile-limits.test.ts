import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { createRevoking } from '@votestream/gateway/revoking'
import { createStore } from '@votestream/gateway/store'
import { createUsagePlans } from '@votestream/gateway/usage-plans'
import { openPlanBuckets, openRevocationsBucket } from '@votestream/infra/streams'
import { voterNumber } from '@votestream/schema/numbers'
import { type Answer, openPlace, type Place, VOTE_PATH, voteOf } from '../hostile/place.js'

const USER_BURST = 20
const ADDRESS_PER_SECOND = 20
const ADDRESS_BURST = 100
const SOCKETS_PER_SECOND = 10
const HEADERS_TIMEOUT_MS = 500
const QUOTA = 25

/** Who comes too often, too slowly, or with what was taken back, over two live gateways whose limits are small. */
describe('hostile haste and patience', function () {
  this.timeout(30_000)
  let place: Place
  before(async () => {
    place = await openPlace({
      USER_RATE_LIMIT: '1',
      USER_RATE_BURST: String(USER_BURST),
      ADDRESS_RATE_LIMIT: String(ADDRESS_PER_SECOND),
      ADDRESS_RATE_BURST: String(ADDRESS_BURST),
      SOCKETS_PER_SECOND_MAX: String(SOCKETS_PER_SECOND),
      HEADERS_TIMEOUT_MS: String(HEADERS_TIMEOUT_MS),
      ARRIVAL_TIMEOUT_MS: String(2 * HEADERS_TIMEOUT_MS),
    })
  })
  after(() => place?.stop())
  // The address has its burst again.
  afterEach(() => pause((1_000 * ADDRESS_BURST) / ADDRESS_PER_SECOND / 2))

  const look = (
    token: string,
    own: { headers?: Record<string, string>; at?: number } = {},
  ): Promise<Answer> => place.ask({ method: 'GET', path: `/v1/contestants/${place.event.id}`, token, ...own })

  it('a burst of a user and one more: that one is refused, and told when to come again', async () => {
    const { token } = place.voter()
    const answers = await Promise.all(
      Array.from({ length: USER_BURST + 1 }, (_, at) => look(token, { at: at % 2 })),
    )
    const refused = answers.filter(({ status }) => status !== 200)
    // Never more than the burst; each of two gateways holds a part of it, so that all at once it may be less.
    assert.ok(refused.length >= 1 && refused.length <= USER_BURST / 2 + 1, `${refused.length} refused`)
    const [answer] = refused
    assert.ok(answer)
    assert.equal(answer.status, 429)
    assert.equal(JSON.parse(answer.body).code, 'RATE_LIMITED')
    assert.match(String(answer.headers['retry-after']), /^[1-9]\d*$/)
    assert.match(String(answer.headers['ratelimit-policy']), /q=/)
    assert.match(String(answer.headers.ratelimit), /r=0/)
    assert.equal((await look(place.voter().token)).status, 200)
  })

  it('as many mutations in one document as a burst, and one more, cost as much as one by one', async () => {
    const { token } = place.voter()
    const mutation = (at: number) =>
      `a${at}: submitVote(input: { eventId: "${place.event.id}", contestantId: "${place.event.contestantIds[0]}" }) { id }`
    const document = (count: number) => ({
      query: `mutation { ${Array.from({ length: count }, (_, at) => mutation(at)).join(' ')} }`,
    })
    assert.equal(await place.graphql(document(USER_BURST + 1), { token }), '429 RATE_LIMITED')
    // Refused as a whole: nobody voted.
    assert.equal(await place.graphql(document(1), { token }), '200')
  })

  it('forged addresses: each is the address of the connection', async () => {
    const answers = await Promise.all(
      Array.from({ length: 4 * ADDRESS_BURST }, (_, at) =>
        look(place.voter().token, {
          headers: { 'x-forwarded-for': `10.0.${at >> 8}.${at & 255}`, forwarded: `for=10.1.0.${at & 255}` },
        }),
      ),
    )
    assert.ok(answers.filter(({ status }) => status === 429).length > 0)
  })

  it('a quota and one more, on two gateways: that one is refused', async () => {
    const { nats } = place.system
    const buckets = await openPlanBuckets(nats, 1)
    const plans = createUsagePlans({ bucket: buckets.usagePlans, store: createStore(nats), now: Date.now })
    await plans.createPlan({
      name: 'partner',
      ratePerSecond: 1_000,
      burst: 1_000,
      quota: { limit: QUOTA, period: 'day' },
    })
    const { text } = await plans.createKey({
      plan: 'partner',
      owner: { kind: 'user', voter: voterNumber(7) },
    })
    const withKey = (at: number) => look(place.voter().token, { headers: { 'x-api-key': text }, at })
    const isKnown = async (at: number) =>
      (await place.ask({ method: 'GET', path: '/v1/contestants/x', headers: { 'x-api-key': text }, at }))
        .status !== 403
    // Each gateway is asked once when it knows the key; that counts, too.
    for (const at of [0, 1]) while (!(await isKnown(at))) await pause(20)
    const statuses: number[] = []
    for (let sent = 0; sent < QUOTA + 6; sent += 1) statuses.push((await withKey(sent % 2)).status)
    assert.equal(statuses.filter((status) => status === 200).length, QUOTA - 2, statuses.join())
    assert.equal(statuses.at(-1), 429)
  })

  it('a token that was good a moment ago, and was taken back', async () => {
    const { userId, token } = place.voter()
    assert.equal(await place.rest({ path: VOTE_PATH, token, body: voteOf(place, userId) }), '200')
    const bucket = await openRevocationsBucket(place.system.nats, 1)
    const revoking = createRevoking({
      bucket,
      store: createStore(place.system.nats),
      now: () => Date.now() + 1_000,
    })
    const voter = place.system.ids.parseUserId(userId)
    assert.ok(voter !== undefined)
    await revoking.revoke({ kind: 'user', voter })
    for (const at of [0, 1]) while ((await look(token, { at })).status !== 401) await pause(20)
  })

  it('a flood of sockets: those beyond the rate are refused before they are opened', async () => {
    const opened = await Promise.all(
      Array.from({ length: 4 * SOCKETS_PER_SECOND }, () => place.socket([{ type: 'hack' }])),
    )
    const refused = opened.filter((code) => code === '429').length
    assert.ok(refused >= 2 * SOCKETS_PER_SECOND, opened.join())
    assert.ok(opened.filter((code) => code === '4400').length >= SOCKETS_PER_SECOND, opened.join())
  })

  /** A request that comes letter by letter. @returns what came back when the other side closed */
  const trickle = (text: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect(place.port, '127.0.0.1')
      let came = ''
      let sent = 0
      const sending = setInterval(() => {
        socket.write(text[sent] ?? 'x')
        sent += 1
      }, 20)
      socket.on('data', (bytes) => (came += String(bytes)))
      socket.on('close', () => {
        clearInterval(sending)
        resolve(came)
      })
      socket.on('error', (error: NodeJS.ErrnoException) => {
        if (error.code !== 'EPIPE' && error.code !== 'ECONNRESET') reject(error)
      })
    })

  it('headers that come one letter at a time: the connection ends', async () => {
    assert.match(
      await trickle(`GET /healthz HTTP/1.1\r\nHost: a\r\nX-A: ${'b'.repeat(1_000)}`),
      /^HTTP\/1\.1 408 /,
    )
  })

  it('a body that comes one letter at a time: the connection ends', async () => {
    const head = `POST ${VOTE_PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n`
    const { token } = place.voter()
    const socket = connect(place.port, '127.0.0.1')
    let came = ''
    socket.on('data', (bytes) => (came += String(bytes)))
    socket.on('error', () => undefined)
    socket.write(`${head}Authorization: Bearer ${token}\r\n\r\n`)
    const sending = setInterval(() => socket.write('{'), 20)
    await new Promise((resolve) => socket.once('close', resolve))
    clearInterval(sending)
    assert.match(came, /^HTTP\/1\.1 408 /)
  })
})
