import assert from 'node:assert/strict'
import { VotestreamError } from '@votestream/schema/errors'
import { createLoginThrottle } from '../../src/login-throttle.js'
import { type LoginAnswer, type LoginCounts, shareLogins } from '../../src/shared-logins.js'

const HERE = '192.0.2.1'

const place = () => {
  let nowMs = 1_000
  const now = () => nowMs
  const said: string[] = []
  const log = (_details: object, message?: string) => void said.push(String(message))
  const logger = {
    warn: log,
    info: (message: string) => void said.push(message),
  } as never
  let begin: LoginCounts['begin'] = async () => ({ waitMs: 0, end: async () => undefined })
  let asked = 0
  const counts: LoginCounts = {
    begin(account, network) {
      asked += 1
      return begin(account, network)
    },
  }
  const throttle = shareLogins({ own: createLoginThrottle({ now }), counts, logger, answerMs: 20, now })
  const wait = async (account: string, address = HERE): Promise<number> => {
    try {
      await throttle.begin(account, address)
      return 0
    } catch (error) {
      assert.ok(error instanceof VotestreamError && error.code === 'TOO_MANY_LOGINS')
      return error.retryAfterSeconds ?? 0
    }
  }
  return {
    throttle,
    wait,
    said,
    asked: () => asked,
    pass: (ms: number) => (nowMs += ms),
    answer: (given: LoginCounts['begin']) => {
      begin = given
    },
  }
}

const away = async (): Promise<LoginAnswer> => Promise.reject(new Error('away'))

describe('logins that gateways count together', () => {
  it('wait for what failed elsewhere, and nothing of it is counted here', async () => {
    const { wait, answer } = place()
    answer(async () => ({ waitMs: 7_000, pairWaitMs: 0 }))
    for (let n = 0; n < 10; n += 1) assert.equal(await wait('maria'), 7)
    answer(away)
    for (let n = 0; n < 5; n += 1) assert.equal(await wait('maria'), 0)
  })

  it('are bounded by their own count while the others cannot be asked, what was let through before included', async () => {
    const { wait, answer, said, pass } = place()
    for (let n = 0; n < 3; n += 1) assert.equal(await wait('maria'), 0)
    answer(away)
    for (let n = 0; n < 2; n += 1) assert.equal(await wait('maria'), 0)
    for (let n = 0; n < 50; n += 1) assert.equal(await wait('maria'), 1)
    pass(1_000)
    assert.equal(await wait('maria'), 0, 'nobody is kept out for ever')
    assert.equal(said.length, 1, 'said once')
    answer(async () => ({ waitMs: 0, end: async () => undefined }))
    await wait('nobody')
    assert.equal(said.length, 2)
  })

  it('wait for no answer that is late', async () => {
    const { wait, answer } = place()
    answer(() => new Promise(() => undefined))
    for (let n = 0; n < 5; n += 1) assert.equal(await wait('maria'), 0)
    assert.equal(await wait('maria'), 1)
  })

  it('of a pair that waits for its own failures are refused without asking, until it has waited', async () => {
    const { wait, answer, asked, pass } = place()
    answer(async () => ({ waitMs: 7_000, pairWaitMs: 2_000 }))
    assert.equal(await wait('maria'), 7)
    for (let n = 0; n < 10; n += 1) assert.equal(await wait('maria'), 2)
    assert.equal(asked(), 1)
    await wait('maria', '192.0.2.2')
    assert.equal(asked(), 2)
    pass(2_000)
    await wait('maria')
    assert.equal(asked(), 3)
  })

  it('that are let through past the own count succeed everywhere, or are taken back', async () => {
    const { throttle, wait, answer } = place()
    const ended: boolean[] = []
    const end = async (right: boolean) => void ended.push(right)
    answer(async () => ({ waitMs: 0, end }))
    // Here it has failed too often; the others know better.
    for (let n = 0; n < 6; n += 1) assert.equal(await wait('maria'), 0)
    const attempts = [await throttle.begin('maria', HERE), await throttle.begin('maria', HERE)]
    attempts[0]?.undo()
    attempts[1]?.succeeded()
    assert.deepEqual(ended, [false, true])
    answer(away)
    for (let n = 0; n < 5; n += 1) assert.equal(await wait('maria'), 0)
    assert.equal(await wait('maria'), 1)
  })

  it('outlast a store that fails when they are taken back', async () => {
    const { throttle, answer } = place()
    answer(async () => ({ waitMs: 0, end: async () => Promise.reject(new Error('away')) }))
    const attempt = await throttle.begin('maria', HERE)
    attempt.succeeded()
    await new Promise((resolve) => setImmediate(resolve))
  })

  it('take back what was counted too late: this process has counted it by then', async () => {
    const { wait, answer } = place()
    const ended: boolean[] = []
    let comes = (): void => undefined
    answer(
      () =>
        new Promise((resolve) => {
          comes = () => resolve({ waitMs: 0, end: async (right) => void ended.push(right) })
        }),
    )
    assert.equal(await wait('maria'), 0)
    assert.deepEqual(ended, [])
    comes()
    while (ended.length === 0) await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual(ended, [false])
  })
})
