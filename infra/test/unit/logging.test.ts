import assert from 'node:assert/strict'
import { createLogger, createServiceLogger } from '../../src/logging.js'

const JWT = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhYmMifQ.c2lnbmF0dXJlLW9mLWEtdG9rZW4tdGhhdC1pcy1zZWNyZXQ'
const EMAIL = 'maria.keller@example.org'
const PASSWORD = 'correct horse battery staple'

describe('a log line', () => {
  let text = ''
  const destination = { write: (line: string) => (text += line) }
  const logger = createLogger('test', 'trace', { destination, instance: 'test-1' })
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
    logger.debug({ 'user.email': 'not an address', 'votes.password': PASSWORD, 'url.path': `/v1/${JWT}` })
    holdsNone()
    assert(!text.includes('not an address'), text)
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
    logger.warn({ err: `refused ${EMAIL}` })
    logger.warn({ inside: { error: carrying } })
    holdsNone()
    assert(!text.includes(encodeURIComponent(PASSWORD)), text)
    assert(!text.includes('correct ho'), text)
  })

  it('tells everything else as it is, below a name of our own', () => {
    logger.info({ shard: 3, lag: { ms: 4.5 }, at: new Date(0), list: ['a', null, true] }, 'the tally goes on')
    const { votestream, message } = JSON.parse(text)
    assert.deepEqual(
      [votestream, message],
      [
        { shard: 3, lag: { ms: 4.5 }, at: '1970-01-01T00:00:00.000Z', list: ['a', null, true] },
        'the tally goes on',
      ],
    )
  })

  it('has the names of the Elastic Common Schema', () => {
    const before = Date.now()
    logger.warn({ 'trace.id': 'a'.repeat(32), 'event.action': 'x', event: 7 }, 'look')
    const { '@timestamp': at, 'service.version': version, ...line } = JSON.parse(text)
    assert.deepEqual(line, {
      'log.level': 'warn',
      'ecs.version': '8.11.0',
      'event.dataset': 'votestream.test',
      'service.name': 'test',
      'service.node.name': 'test-1',
      'process.pid': process.pid,
      'trace.id': 'a'.repeat(32),
      'event.action': 'x',
      // A field `event` would be no object of the schema's.
      votestream: { event: 7 },
      message: 'look',
    })
    assert.match(version, /^\d+\.\d+\.\d+$/)
    assert.ok(Date.parse(at) >= before && at.endsWith('Z'), at)
  })

  it('has what is known of an error in the schema’s fields, and its words where it has none of its own', () => {
    logger.error({ err: Object.assign(new TypeError('it broke'), { code: 'E_BROKEN' }) })
    const { error, message, err } = JSON.parse(text)
    const { stack_trace: stack, ...rest } = error
    assert.deepEqual(rest, { type: 'TypeError', message: 'it broke', code: 'E_BROKEN' })
    assert.match(stack, /logging\.test/)
    assert.deepEqual([message, err], ['TypeError', undefined])
  })

  it('is of the level and the instance that the environment names', () => {
    const variables = {
      LOG_LEVEL: 'error',
      LOG_LINES_PER_SECOND_MAX: 1,
      INSTANCE_NAME: 'x',
      OTEL_SERVICE_NAME: 'v',
    }
    assert.equal(createServiceLogger('test', variables).level, 'error')
  })
})

describe('a flood of log lines', () => {
  const start = (linesPerSecondMax: number, level = 'info') => {
    const lines: { message: string; votestream?: Record<string, unknown>; 'log.level': string }[] = []
    const works: (() => void)[] = []
    const logger = createLogger('test', level, {
      linesPerSecondMax,
      destination: { write: (line) => lines.push(JSON.parse(line)) },
      later: (work) => works.push(work),
    })
    return { logger, lines, endSecond: () => works.splice(0).forEach((work) => void work()) }
  }

  it('is written as far as its bound, what is beyond is counted, and other lines are not touched', () => {
    const { logger, lines, endSecond } = start(3)
    for (let n = 0; n < 1_000; n++) logger.error({ n, err: new Error(`${n}`) }, 'a request failed')
    logger.warn('something else')
    assert.deepEqual(
      lines.map(({ message }) => message),
      ['a request failed', 'a request failed', 'a request failed', 'something else'],
    )
    endSecond()
    assert.deepEqual(
      lines.slice(4).map(({ message, votestream }) => [message, votestream]),
      [['more of these were not written', { kind: 'a request failed', suppressed: 997 }]],
    )
    logger.error('a request failed')
    assert.equal(lines.length, 6, 'in the next second there are lines again')
    endSecond()
    assert.equal(lines.length, 6, 'and none about what was written')
  })

  it('of words that all differ is bounded as well', () => {
    const { logger, lines, endSecond } = start(2)
    for (let n = 0; n < 10_000; n++) logger.warn(`number ${n}`)
    assert.ok(lines.length < 250, `${lines.length}`)
    endSecond()
    const suppressed = lines.reduce((sum, { votestream }) => sum + Number(votestream?.suppressed ?? 0), 0)
    assert.equal(lines.length - 1 + suppressed, 10_000)
  })

  it('never takes the last words of a process', () => {
    const { logger, lines } = start(1)
    for (let n = 0; n < 3; n++) logger.fatal('crashed')
    assert.equal(lines.length, 3)
  })
})
