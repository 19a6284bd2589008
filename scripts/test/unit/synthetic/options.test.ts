import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import { buildSchema } from 'graphql'
import { readFiles } from '../../../src/operations/registrable.js'
import { SYNTHETIC_OPERATIONS } from '../../../src/synthetic/operations.js'
import { parseSyntheticCommand, type SyntheticCommand } from '../../../src/synthetic/options.js'

const commandOf = (...args: readonly string[]): SyntheticCommand => {
  const command = parseSyntheticCommand(args)
  assert.ok(typeof command === 'object')
  return command
}

describe('npm run synthetic', () => {
  it('checks 1,000 times an hour until it is ended, against the service levels', () => {
    const command = commandOf()
    assert.deepEqual(command.pace, { checks: 1_000, checksPerHour: 1_000 })
    assert.equal(command.rounds, null)
    assert.equal(command.windowMs, 300_000)
    assert.deepEqual(command.levels, {
      successMin: 1,
      acknowledgedP99Ms: 50,
      seenP95Ms: 500,
      seenP99Ms: 1_000,
    })
    assert.equal(parseSyntheticCommand(['--help']), 'help')
    assert.equal(parseSyntheticCommand(['--operations']), 'operations')
  })

  it('compresses an hour: as many checks in less time', () => {
    const command = commandOf('--once', '--checks', '1000', '--checks-per-hour', '12000')
    assert.deepEqual(command.pace, { checks: 1_000, checksPerHour: 12_000 })
    assert.equal(command.rounds, 1)
    assert.equal(commandOf('--hours', '3').rounds, 3)
  })

  it('tells its operations, which can be registered as they are', () => {
    const schema = buildSchema(readFileSync(join(repositoryRoot(), 'schema', 'schema.graphql'), 'utf8'))
    const { registrable, faults } = readFiles(schema, [{ name: 'checks', text: SYNTHETIC_OPERATIONS }])
    assert.deepEqual(faults, [])
    assert.equal(registrable.length, 4)
  })

  it('names every fault at once', () => {
    const faulty = ['--url', 'ftp://x', '--checks', '0', '--once', '--hours', '2', '--json=yes', '--loud']
    assert.throws(
      () => parseSyntheticCommand([...faulty, '--within-ms', '9000']),
      ({ message }: Error) =>
        ['--url', '--checks 0', '--once is', '--json takes no value', '--loud', '--within-ms'].every((part) =>
          message.includes(part),
        ),
    )
    // Too short for the next event to be made meanwhile.
    assert.throws(() => parseSyntheticCommand(['--checks', '10', '--checks-per-hour', '36000']), /10 s/)
  })
})
