import assert from 'node:assert/strict'
import { createLevelSwitch } from '../../src/diagnostics/level-switch.js'
import { createLogger } from '../../src/logging.js'

describe('the level of the log', () => {
  const start = (level: string) => {
    const lines: string[] = []
    const waiting = new Map<object, { work: () => void; ms: number }>()
    const logger = createLogger('test', level, { destination: { write: (line) => lines.push(line) } })
    const levels = createLevelSwitch({
      logger,
      now: () => 1_000,
      later(work, ms) {
        const handle = { cancel: () => void waiting.delete(handle) }
        waiting.set(handle, { work, ms })
        return handle
      },
    })
    const pass = () => {
      for (const [handle, { work }] of waiting) {
        waiting.delete(handle)
        work()
      }
    }
    return { levels, logger, lines, waiting, pass }
  }

  it('is changed while the process runs, and comes back by itself', () => {
    const { levels, logger, lines, waiting, pass } = start('info')
    logger.debug('not yet')
    assert.deepEqual(levels.change('debug', 60), {
      level: 'debug',
      configured: 'info',
      until: '1970-01-01T00:01:01.000Z',
    })
    logger.debug('now')
    assert.deepEqual(
      [...waiting.values()].map(({ ms }) => ms),
      [60_000],
    )
    pass()
    logger.debug('no more')
    const text = lines.join('')
    assert.deepEqual(
      ['not yet', 'now', 'no more'].map((words) => text.includes(`"${words}"`)),
      [false, true, false],
    )
    assert.deepEqual(levels.state(), { level: 'info', configured: 'info' })
  })

  it('a later change takes the place of the first, and ends at its own time', () => {
    const { levels, waiting, pass } = start('warn')
    levels.change('trace', 10)
    levels.change('error', 20)
    assert.equal(waiting.size, 1)
    assert.equal(levels.state().level, 'error')
    pass()
    assert.deepEqual(levels.state(), { level: 'warn', configured: 'warn' })
  })

  it('a change is told of once, by whichever level lets it', () => {
    for (const [from, to] of [
      ['info', 'error'],
      ['error', 'info'],
      ['info', 'debug'],
    ] as const) {
      const { levels, lines } = start(from)
      levels.change(to, 10)
      assert.equal(lines.length, 1, `${from} ${to}`)
    }
  })
})
