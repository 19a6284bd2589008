import assert from 'node:assert/strict'
import { BenchFilesError, readBenchResults } from '../../../src/capacity/bench-files.js'
import { AT, commitRow, FILES, machine, read, votesRow } from './some-files.js'

const faultsOf = (reading: (part: string) => string | undefined): string[] => {
  try {
    readBenchResults(reading)
  } catch (error) {
    assert.ok(error instanceof BenchFilesError)
    return error.message.split('\n')
  }
  throw new Error('nothing was refused')
}

/** A part whose figures are other ones. */
const withFigures = (part: string, figures: unknown): string =>
  JSON.stringify({ at: AT, machine, options: {}, ...FILES[part], figures })

describe('the files of the bench', () => {
  it('give the rows in which most was done, with part, date and row', () => {
    const { figures, measurements } = readBenchResults(read())
    assert.deepEqual(figures.gatewayVote, {
      name: 'gateway a vote',
      value: 130,
      unit: 'µs',
      part: 'votes',
      at: AT,
      row: 'Votestream REST, 256 connections',
    })
    assert.equal(figures.pairRate.value, 3_000)
    assert.equal(figures.message.value, 20)
    assert.equal(figures.idleSocket.value, 4)
    assert.equal(figures.memory?.accountIndex.value, 1_155)
    assert.deepEqual(measurements.at(0), {
      part: 'votes',
      at: AT,
      machine: '2 cores (AMD EPYC), Node v20.20.2',
    })
  })

  it('rest the log on group commit with fsync alone', () => {
    const { figures } = readBenchResults(read())
    assert.equal(figures.streamRate.value, 150_000)
    assert.equal(figures.brokerRate.value, 190_000)
    assert.equal(figures.streamRate.row, 'fsync, 1 shard, batches of 1000')
  })

  it('are all named where they are missing, with the command that makes them', () => {
    const faults = faultsOf(() => undefined)
    assert.deepEqual(
      faults,
      ['votes', 'commit', 'tally', 'archive', 'fanout', 'sockets'].map(
        (part) =>
          `.data/bench/${part}.json: has not been measured on this machine; run: npm run bench -- ${part}`,
      ),
    )
  })

  it('may be without memory, which then is not measured', () => {
    assert.equal(readBenchResults(read({ memory: undefined })).figures.memory, undefined)
  })

  it('are refused where memory was measured, and cannot be read', () => {
    assert.match(
      faultsOf(read({ memory: '{' })).join(),
      /memory\.json: is not JSON .*npm run bench -- memory/,
    )
  })

  it('are refused when one cannot be read', () => {
    const faults = faultsOf((part) => {
      if (part === 'tally') throw new Error('EACCES: permission denied')
      return read()(part)
    })
    assert.deepEqual(faults.length, 1)
    assert.match(faults[0] ?? '', /tally\.json: cannot be read \(EACCES.*npm run bench -- tally/)
  })

  it('are refused when an older version wrote them, each field that is missing by its name', () => {
    const older = { ...commitRow(true, 1, 200, 70_000), logBytes: undefined, faults: undefined }
    const faults = faultsOf(read({ commit: withFigures('commit', [older]), archive: '[]' }))
    assert.ok(faults.some((fault) => /commit\.json: figures\.0\.logBytes: .*another version/.test(fault)))
    assert.ok(faults.some((fault) => /commit\.json: figures\.0\.faults: /.test(fault)))
    assert.ok(faults.some((fault) => /archive\.json: .*npm run bench -- archive/.test(fault)))
  })

  const refused: readonly (readonly [string, string, string, RegExp])[] = [
    ['has no date', 'tally', JSON.stringify({ machine, ...FILES.tally }), /tally\.json: at: /],
    ['is empty', 'votes', '', /votes\.json: is not JSON/],
    ['found faults', 'tally', withFigures('tally', { ...ofTally(), faults: 3 }), /the bench found 3 faults/],
    [
      'lost votes',
      'votes',
      withFigures('votes', { shards: 2, acknowledged: 5, counted: 4, figures: [] }),
      /5 votes were acknowledged and 4 counted/,
    ],
    [
      'measured nothing of ours',
      'votes',
      withFigures('votes', {
        shards: 2,
        acknowledged: 0,
        counted: 0,
        figures: [votesRow('bare node:http', 256, 20_000, 40)],
      }),
      /has no row of Votestream REST/,
    ],
    [
      'measured no single stream',
      'commit',
      withFigures('commit', [commitRow(true, 2, 200, 70_000)]),
      /no row of group commit with fsync on 1 shard/,
    ],
    [
      'was measured while it was profiled',
      'votes',
      JSON.stringify({ at: AT, machine, ...FILES.votes, options: { profile: true } }),
      /was measured with --profile/,
    ],
    [
      'measured boards and votes together',
      'fanout',
      JSON.stringify({ at: AT, machine, ...FILES.fanout, options: { votes: 2_000 } }),
      /was measured with --votes/,
    ],
    [
      'has a cost of nothing',
      'tally',
      withFigures('tally', { ...ofTally(), redisMicroseconds: 0 }),
      /Redis a vote \(9 votes\) is 0: must be above 0/,
    ],
  ]
  for (const [what, part, text, fault] of refused) {
    it(`are refused when one ${what}`, () => {
      const faults = faultsOf(read({ [part]: text }))
      assert.match(faults.join('\n'), fault)
      assert.ok(faults.every((each) => each.includes(`npm run bench -- ${part}`)))
    })
  }
})

function ofTally() {
  return { votes: 9, processorMicroseconds: 5.8, redisMicroseconds: 2.1, denseBytes: 0.19, faults: 0 }
}
