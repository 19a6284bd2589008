import assert from 'node:assert/strict'
import { createLogger } from '@votestream/infra/logging'
import { VotestreamError } from '@votestream/schema/errors'
import { Registry } from 'prom-client'
import { createSecurityEvents, noteRefusal, pseudonyms } from '../../src/security-events.js'

describe('security events', () => {
  it('of a flood a bounded number is written, and the rest is counted in the log and in the metric', async () => {
    const lines: { 'event.action': string; votestream?: { suppressed: number } }[] = []
    const works: (() => void)[] = []
    const registry = new Registry()
    const destination = { write: (line: string) => lines.push(JSON.parse(line)) }
    const logger = createLogger('test', 'info', { destination })
    const later = (work: () => void) => works.push(work)
    const security = createSecurityEvents({ logger, registry, linesPerSecondMax: 3, later })
    for (let n = 0; n < 1_000; n++) security.note('login-failed', () => ({ address: '192.0.2.1' }))
    security.note('token-refused')
    assert.equal(lines.length, 4)
    for (const work of works.splice(0)) work()
    assert.deepEqual(
      lines.slice(4).map(({ 'event.action': event, votestream }) => [event, votestream?.suppressed]),
      [['login-failed', 997]],
    )
    security.note('login-failed')
    assert.equal(lines.length, 6, 'in the next second there are lines again')
    const metrics = await registry.metrics()
    assert.match(metrics, /votestream_security_events_total\{event="login-failed"\} 1001/)
  })

  it('an operation that is not registered is one, without a word of what it was', () => {
    const noted: unknown[] = []
    const security = { note: (event: string, details?: () => object) => noted.push([event, details?.()]) }
    noteRefusal(security, new VotestreamError('OPERATION_NOT_REGISTERED'), () => ({ operation: 'graphql' }))
    assert.deepEqual(noted, [['operation-refused', { operation: 'graphql' }]])
  })

  it('an account has one name in the log, however its username is written, and another one with another secret', () => {
    const pseudonym = pseudonyms('a secret')
    assert.equal(pseudonym('Maria.Keller'), pseudonym('maria.keller'))
    assert.notEqual(pseudonym('maria.keller'), pseudonyms('another secret')('maria.keller'))
  })
})
