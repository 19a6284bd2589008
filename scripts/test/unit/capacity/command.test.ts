import assert from 'node:assert/strict'
import { capacityCommand } from '../../../src/capacity/command.js'
import { GROUPS } from '../../../src/capacity/line.js'
import { AT, read } from './some-files.js'

describe('npm run capacity', () => {
  it('ends with 2 and names the part and the command where a bench is missing, and invents nothing', () => {
    const { status, stdout, stderr } = capacityCommand([], read({ fanout: undefined }))
    assert.equal(status, 2)
    assert.equal(stdout, '')
    assert.match(stderr, /fanout\.json: has not been measured on this machine; run: npm run bench -- fanout/)
  })

  it('ends with 2 where an option is wrong, before any file is read', () => {
    const outcome = capacityCommand(['--rate', 'fast'], () => {
      throw new Error('a file was read')
    })
    assert.equal(outcome.status, 2)
    assert.match(outcome.stderr, /--rate fast: must be a whole number/)
  })

  it('shows every group, each figure with its bench and date, and what breaks first', () => {
    for (const args of [[], ['--markdown']]) {
      const { status, stdout } = capacityCommand(args, read())
      assert.equal(status, 0)
      for (const group of GROUPS) assert.ok(stdout.includes(group), group)
      assert.match(stdout, new RegExp(`gateway a vote *\\|? *130 µs *\\|? *votes *\\|? *${AT}`))
      assert.match(stdout, /Of what carries votes: .*, at 2\.\d\d times what is asked \(\d+,\d+ votes\/s\)\./)
      assert.match(stdout, /Assumed, not measured:/)
      assert.doesNotMatch(stdout, /NaN|undefined|Infinity/)
    }
  })

  it('says that memory was not measured, and with what it is', () => {
    const { stdout } = capacityCommand([], read({ memory: undefined }))
    assert.match(stdout, /NATS, index of accounts +not measured .*npm run bench -- memory/)
  })

  it('gives one document of JSON, whose lines hold their figures', () => {
    const { stdout } = capacityCommand(['--json', '--rate', '1000'], read())
    const document = JSON.parse(stdout)
    assert.equal(document.version, 1)
    assert.equal(document.demand.rate, 1_000)
    assert.equal(document.lines[0].restsOn[0].at, AT)
    assert.ok(document.limits[0].multiple > 0)
  })

  it('gives tables of Markdown whose rows all have their columns', () => {
    const { stdout } = capacityCommand(['--markdown'], read())
    for (const table of stdout.split('\n\n').filter((text) => text.startsWith('|'))) {
      const columns = table.split('\n').map((row) => row.split('|').length)
      assert.equal(new Set(columns).size, 1, table)
    }
  })
})
