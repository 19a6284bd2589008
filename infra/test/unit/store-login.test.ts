import assert from 'node:assert/strict'
import fc from 'fast-check'
import { natsLogin } from '../../src/nats.js'
import { redisLogin } from '../../src/redis.js'
import { shownAddress, splitLogin } from '../../src/store-login.js'

describe('a login in an address', () => {
  it('is taken out of it, whatever is in it', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', minLength: 1 }),
        fc.string({ unit: 'binary' }),
        (user, password) => {
          const login = `${encodeURIComponent(user)}:${encodeURIComponent(password)}`
          assert.deepEqual(splitLogin(`nats://${login}@a.example:4222`), {
            url: 'nats://a.example:4222',
            user,
            password,
          })
        },
      ),
    )
  })

  it('may be a user or a password alone, or nobody, and there may be no scheme', () => {
    assert.deepEqual(splitLogin('redis://:pw@h:1/2'), { url: 'redis://h:1/2', password: 'pw' })
    assert.deepEqual(splitLogin('nats://token@h'), { url: 'nats://h', user: 'token' })
    assert.deepEqual(splitLogin('a:b@h:1'), { url: 'h:1', user: 'a', password: 'b' })
    assert.deepEqual(splitLogin('h:1'), { url: 'h:1' })
    assert.deepEqual(splitLogin('http://[::1]:8123'), { url: 'http://[::1]:8123' })
    // No percent sign of a password that was not encoded ends a service.
    assert.deepEqual(splitLogin('nats://a:100%@h'), { url: 'nats://h', user: 'a', password: '100%' })
  })

  it('is not shown', () => {
    assert.equal(shownAddress('nats://a:secret@h:1, nats://a:secret@h:2'), 'nats://h:1,nats://h:2')
  })

  it('goes behind one beside the address, and NATS answers into an inbox of that name', () => {
    assert.deepEqual(natsLogin('nats://a:b@h:1,nats://a:b@h:2'), {
      servers: ['nats://h:1', 'nats://h:2'],
      ...{ user: 'a', pass: 'b', inboxPrefix: '_INBOX.a' },
    })
    assert.deepEqual(natsLogin('h:1', { user: 'gateway', password: 'x' }), {
      servers: ['h:1'],
      ...{ user: 'gateway', pass: 'x', inboxPrefix: '_INBOX.gateway' },
    })
    assert.deepEqual(natsLogin('h:1'), { servers: ['h:1'] })
    assert.deepEqual(redisLogin('redis://a:b@h', { user: 'c', password: 'd' }), {
      username: 'c',
      password: 'd',
    })
    assert.deepEqual(redisLogin('redis://h'), {})
  })
})
