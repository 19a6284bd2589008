import assert from 'node:assert/strict'
import { CAPACITY_USAGE, parseCapacityCommand } from '../../../src/capacity/options.js'
import { DEMAND } from './some-figures.js'

describe('the options of capacity', () => {
  it('ask for a national show unless told otherwise', () => {
    assert.deepEqual(parseCapacityCommand([]), { demand: DEMAND, format: 'text' })
  })

  it('are all read', () => {
    const args = '--rate 1000 --viewers=0 --boards 0.5 --headroom 0.7 --nic-gbits 25 --json'.split(' ')
    const command = parseCapacityCommand(args)
    const asked = { rate: 1_000, viewers: 0, boards: 0.5, headroom: 0.7, nicGbits: 25 }
    assert.deepEqual(command, { demand: { ...DEMAND, ...asked }, format: 'json' })
  })

  it('tell every fault at once', () => {
    const args =
      '--rate 0 --viewers many --headroom 2 --replicas 1.5 --voters= --speed=3 --json --markdown x --ticks'.split(
        ' ',
      )
    assert.throws(
      () => parseCapacityCommand(args),
      (error: Error) => {
        const faults = error.message.split('\n')
        const named = ['rate', 'viewers', 'headroom', 'replicas', 'voters', 'speed', 'ticks', 'json', 'x:']
        for (const name of named) {
          assert.ok(
            faults.some((fault) => fault.includes(name)),
            name,
          )
        }
        assert.equal(faults.length, named.length)
        return true
      },
    )
  })

  it('show help, which names each of them, whatever else is said', () => {
    assert.equal(parseCapacityCommand(['--help', '--rate', '0']), null)
    const names = Object.keys(DEMAND).map((name) =>
      name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
    )
    for (const name of names) assert.ok(CAPACITY_USAGE.includes(`--${name} `), name)
  })
})
