import assert from 'node:assert/strict'
import { parseRebuildRequest } from '../../src/rebuild/options.js'

describe('what npm run rebuild is asked for', () => {
  it('is one sink, whole or one event by its number or its public id', () => {
    assert.deepEqual(parseRebuildRequest(['--redis']), {
      isHelp: false,
      sink: 'redis',
      event: undefined,
      waitMs: 10_000,
    })
    assert.equal(parseRebuildRequest(['--clickhouse', '--event', '7']).event, 7)
    assert.equal(parseRebuildRequest(['--redis', '--event', 'A'.repeat(22)]).event, 'A'.repeat(22))
  })

  it('is refused when it is anything else', () => {
    const refused = [
      [],
      ['--redis', '--clickhouse'],
      ['--redis', '--event', '0'],
      ['--redis', '--event', 'x'],
      ['--redis', '--wait', '0'],
      ['--everything'],
    ]
    for (const args of refused) assert.throws(() => parseRebuildRequest(args), Error)
  })
})
