import assert from 'node:assert/strict'
import { parseLoadCommand } from '../../../src/load/options.js'
import { parseVoters } from '../../../src/load/voters.js'

const faultsOf = (...args: readonly string[]): string[] => {
  try {
    parseLoadCommand(args)
  } catch (error) {
    return error instanceof Error ? error.message.split('\n') : []
  }
  return []
}

describe('what the load is asked for', () => {
  it('has defaults for all but the voters', () => {
    const command = parseLoadCommand(['--voters', '-'])
    assert.deepEqual(command?.pace, { mode: 'open', perSecond: 1_000, rampSeconds: 5, seconds: 30 })
    assert.deepEqual(command && [command.votersFile, command.processes, command.connections], ['-', 1, 500])
    assert.deepEqual(command?.levels, [])
    assert.equal(command?.errorsMax, undefined)
    assert.equal(parseLoadCommand(['--help']), null)
  })

  it('takes levels by stage and percentile', () => {
    const levels = ['--ingest-p99-ms', '50', '--end-to-end-p95-ms', '500', '--fan-out-p999-ms=200']
    const command = parseLoadCommand(['--voters', 'a', '--viewers', '10', '--errors-max', '0', ...levels])
    assert.deepEqual(command?.levels, [
      { stage: 'ingest', percent: 99, boundMs: 50 },
      { stage: 'end-to-end', percent: 95, boundMs: 500 },
      { stage: 'fan-out', percent: 99.9, boundMs: 200 },
    ])
    assert.equal(command?.errorsMax, 0)
  })

  it('names every fault at once', () => {
    const given = [
      '--rate',
      'fast',
      '--graphql',
      '2',
      '--url',
      'ftp://a',
      '--speed',
      '3',
      'left',
      '--processes',
      '1.5',
    ]
    const faults = faultsOf(...given, '--end-to-end-p95-ms', '500', '--timeout-ms')
    const expected = [
      '--rate fast',
      '--graphql 2',
      '--url ftp://a',
      '--speed',
      '--processes 1.5',
      '--timeout-ms',
    ]
    for (const start of [...expected, '--voters FILE is missing', 'a level of end-to-end needs --viewers']) {
      assert.ok(
        faults.some((fault) => fault.startsWith(start)),
        `${start} in ${JSON.stringify(faults)}`,
      )
    }
  })
})

describe('voters', () => {
  it('are lines as the token command prints them', () => {
    const text = '{"user_id":"a","token":"b"}\n\n{"user_id":"c","token":"d"}\n'
    assert.deepEqual(parseVoters(text), [
      { userId: 'a', token: 'b' },
      { userId: 'c', token: 'd' },
    ])
    assert.throws(() => parseVoters('{"user_id":"a","token":"b"}\nnull'), /line 2/)
    assert.throws(() => parseVoters('{"user_id":"a"}'), /line 1/)
  })
})
