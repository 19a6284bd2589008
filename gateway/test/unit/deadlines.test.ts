import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createDeadlines, type Deadlines, requireTime } from '../../src/deadlines.js'

describe('a deadline', () => {
  let deadlines: Deadlines
  beforeEach(() => {
    deadlines = createDeadlines(30)
  })
  afterEach(() => deadlines.stop())

  const expiry = (): { deadline: ReturnType<Deadlines['begin']>; expired: Promise<void> } => {
    let expire: () => void = () => undefined
    const expired = new Promise<void>((resolve) => {
      expire = resolve
    })
    return { deadline: deadlines.begin(() => expire()), expired }
  }

  it('ends what is under way, and is over for whoever asks later', async () => {
    const { deadline, expired } = expiry()
    requireTime(deadline)
    const aborted = once(deadline.signal(), 'abort')
    await Promise.all([aborted, expired])
    assert.equal(deadline.over, true)
    assert.equal(deadline.done(), false)
    assert.throws(() => requireTime(deadline), /took too long/)
    const late = expiry()
    await late.expired
    assert.equal(late.deadline.signal().aborted, true)
  })

  it('is not over for what was answered before', async () => {
    const answered = deadlines.begin(() => assert.fail('it was answered'))
    assert.equal(answered.done(), true)
    assert.equal(answered.done(), false)
    await expiry().expired
    assert.equal(answered.over, false)
    assert.equal(answered.signal().aborted, false)
  })

  it('is over when its client leaves, and nobody is told', async () => {
    const left = deadlines.begin(() => assert.fail('nobody is there to be told'))
    const { signal } = left
    left.leave()
    assert.equal(left.over, true)
    assert.equal(signal().aborted, true)
    await expiry().expired
  })
})
