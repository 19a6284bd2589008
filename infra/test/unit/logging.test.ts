import assert from 'node:assert/strict'
import { createLogger } from '../../src/logging.js'

const JWT = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhYmMifQ.c2lnbmF0dXJlLW9mLWEtdG9rZW4tdGhhdC1pcy1zZWNyZXQ'
const EMAIL = 'maria.keller@example.org'
const PASSWORD = 'correct horse battery staple'

describe('a log line', () => {
  let text = ''
  const logger = createLogger('test', 'trace', { write: (line) => (text += line) })
  beforeEach(() => {
    text = ''
  })
  const holdsNone = () => {
    for (const secret of [JWT, EMAIL, PASSWORD]) assert(!text.includes(secret), text)
  }

  it('holds no password, token or email address, in whatever field, however deep', () => {
    logger.info({
      password: PASSWORD,
      a: { b: [{ email: EMAIL, token: JWT }] },
      headers: { Authorization: JWT },
    })
    logger.debug(
      { url: `/v1/x?access_token=${JWT}`, said: `to ${EMAIL}` },
      `from ${EMAIL} with Bearer ${JWT}`,
    )
    holdsNone()
  })

  it('holds nothing of an error but where it comes from: neither what it carries nor what a parser quotes', () => {
    const carrying = Object.assign(new Error(`refused ${EMAIL}`), { body: PASSWORD, config: { token: JWT } })
    logger.error({ err: new Error('it failed', { cause: carrying }) }, 'failed')
    try {
      JSON.parse(PASSWORD)
    } catch (cause) {
      assert.match(String(cause), /correct/, 'the parser quotes what it read')
      logger.error({ err: new Error('unreadable', { cause }) }, 'failed')
    }
    logger.warn({ err: new Error(`connect nats://votes:${encodeURIComponent(PASSWORD)}@127.0.0.1:4222`) })
    logger.warn(new Error(`refused ${EMAIL}`))
    holdsNone()
    assert(!text.includes(encodeURIComponent(PASSWORD)), text)
    assert(!text.includes('correct ho'), text)
  })

  it('tells everything else as it is', () => {
    logger.info({ shard: 3, lag: { ms: 4.5 }, at: new Date(0), list: ['a', null, true] }, 'the tally goes on')
    const { shard, lag, at, list, msg } = JSON.parse(text)
    assert.deepEqual(
      [shard, lag, at, list, msg],
      [3, { ms: 4.5 }, '1970-01-01T00:00:00.000Z', ['a', null, true], 'the tally goes on'],
    )
  })
})
