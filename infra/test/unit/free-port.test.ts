import assert from 'node:assert/strict'
import { freePort } from '../../src/servers/free-port.js'

describe('a free port', () => {
  it('is not given twice', async function () {
    this.timeout(20_000)
    const ports: number[] = []
    for (let index = 0; index < 1_000; index += 1) ports.push(await freePort())
    assert.equal(new Set(ports).size, ports.length)
  })
})
