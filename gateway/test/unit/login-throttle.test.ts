import assert from 'node:assert/strict'
import { VotestreamError } from '@votestream/schema/errors'
import { DELAY_CURVES, delayMs, withFailure } from '../../src/login-delays.js'
import { createLoginThrottle } from '../../src/login-throttle.js'

const HERE = '192.0.2.1'

const place = () => {
  let nowMs = 1_000
  const throttle = createLoginThrottle({ now: () => nowMs })
  const wait = (account: string, address: string): number => {
    try {
      throttle.begin(account, address)
      return 0
    } catch (error) {
      assert(error instanceof VotestreamError && error.code === 'TOO_MANY_LOGINS')
      return error.retryAfterSeconds ?? 0
    }
  }
  return { throttle, wait, pass: (ms: number) => (nowMs += ms) }
}

describe('login throttle', () => {
  it('after five failures waits grow from a second to a quarter of an hour, and no further', () => {
    const { wait, pass } = place()
    for (let n = 0; n < 5; n++) assert.equal(wait('maria', HERE), 0)
    const waits: number[] = []
    for (let n = 0; n < 12; n++) {
      const seconds = wait('maria', HERE)
      waits.push(seconds)
      pass(seconds * 1_000)
      assert.equal(wait('maria', HERE), 0, 'what is told to wait for is enough')
    }
    assert.deepEqual(waits.slice(0, 4), [1, 2, 4, 8])
    assert.equal(waits.at(-1), 900)
  })

  it('what is refused does not lengthen the wait', () => {
    const { wait, pass } = place()
    for (let n = 0; n < 5; n++) wait('maria', HERE)
    for (let n = 0; n < 1_000; n++) assert.equal(wait('maria', HERE), 1)
    pass(1_000)
    assert.equal(wait('maria', HERE), 0)
  })

  it('guesses from elsewhere do not keep an owner out who has logged in from where it is', () => {
    const { throttle, wait } = place()
    throttle.begin('maria', HERE).succeeded()
    for (let n = 0; n < 300; n++) wait('maria', `198.51.100.${n % 250}`)
    assert(wait('maria', '203.0.113.9') > 0, 'elsewhere the account waits')
    assert.equal(wait('maria', HERE), 0)
  })

  it('an account that is guessed at from everywhere waits for half a minute at most', () => {
    const { wait, pass } = place()
    let longest = 0
    for (let n = 0; n < 500; n++) {
      const seconds = wait('maria', `10.0.${Math.floor(n / 250)}.${n % 250}`)
      longest = Math.max(longest, seconds)
      pass(seconds * 1_000)
    }
    assert(longest > 20 && longest <= 30, String(longest))
  })

  it('one address that tries many accounts is slowed down, a /64 counting as one', () => {
    const { wait } = place()
    for (let n = 0; n < 200; n++) assert.equal(wait(`user ${n}`, `2001:db8::${n.toString(16)}`), 0)
    assert(wait('user 201', '2001:db8::ffff') > 0)
    assert.equal(wait('user 201', '2001:db8:0:1::1'), 0)
  })

  it('an attempt that succeeded or was never decided is no failure', () => {
    const { throttle, wait } = place()
    for (let n = 0; n < 300; n++) throttle.begin('maria', HERE).undo()
    for (let n = 0; n < 4; n++) wait('maria', HERE)
    throttle.begin('maria', HERE).succeeded()
    for (let n = 0; n < 5; n++) assert.equal(wait('maria', HERE), 0)
    assert.equal(wait('maria', HERE), 1)
  })

  it('five failures within minutes are five, though each fades a little', () => {
    const { wait, pass } = place()
    for (let n = 0; n < 5; n++) {
      assert.equal(wait('maria', HERE), 0)
      pass(60_000)
    }
    pass(-60_000)
    assert.equal(wait('maria', HERE), 1)
  })

  it('failures fade: after a few half lives there is no wait for the next one', () => {
    const curve = DELAY_CURVES.pair
    let failures = withFailure(curve, undefined, 0)
    for (let n = 0; n < 30; n++) failures = withFailure(curve, failures, 0)
    assert.equal(delayMs(curve, failures.count), curve.delayMaxMs)
    assert.equal(delayMs(curve, withFailure(curve, failures, 3 * curve.halfLifeMs).count), 0)
  })
})
