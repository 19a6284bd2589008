import assert from 'node:assert/strict'
import { measureFanout } from '../../src/bench/fanout/fanout.js'

/** Short, with a bound so loose that only a fall by half and more is seen. */
describe('the bench of fan-out', function () {
  this.timeout(90_000)

  it('shows a board for less than half of what executing for each viewer costs', async () => {
    const figures = await measureFanout({
      viewers: [300],
      rounds: 1,
      seconds: 2,
      boardsPerSecond: 5,
      stopped: 1,
      workers: 1,
      votesPerSecond: 0,
      pin: false,
      only: ['Votestream', 'stock graphql-ws'],
      say: () => undefined,
    })
    const [ours, stock] = figures
    assert.ok(ours && stock)
    for (const { contender, faults, delivered } of figures) {
      assert.equal(faults, 0, contender)
      assert.ok(delivered > 0.7, `${contender}: ${delivered}`)
    }
    assert.ok(ours.cpuMicroseconds < stock.cpuMicroseconds / 2, JSON.stringify(figures))
    assert.ok(ours.kilobytesPerSocket < 60, `${ours.kilobytesPerSocket} KB a socket`)
  })
})
