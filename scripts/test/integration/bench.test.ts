import assert from 'node:assert/strict'
import { measureFanout } from '../../src/bench/fanout/fanout.js'
import { measureVotes } from '../../src/bench/votes/votes.js'

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

describe('the bench of votes', function () {
  this.timeout(120_000)

  it('counts every vote, for less than twice of what one is known to cost beside an echo', async () => {
    const only = ['bare node:http', 'Votestream REST', 'Votestream GraphQL', 'mercurius']
    const options = { connections: [256], rounds: 1, seconds: 2, warmUpSeconds: 3, only }
    const { figures, acknowledged, counted } = await measureVotes({ ...options, say: () => undefined })
    assert.ok(acknowledged > 0)
    assert.equal(counted, acknowledged)
    const [echo, rest, graphql, stock] = figures
    assert.ok(echo && rest && graphql && stock)
    for (const { contender, faults } of figures) assert.equal(faults, 0, contender)
    assert.deepEqual(Object.keys(rest.byProcess).length, 6)
    const told = JSON.stringify(figures)
    assert.ok(rest.cpuMicroseconds < 7 * echo.cpuMicroseconds, told)
    assert.ok(rest.perSecond > 0.2 * echo.perSecond, told)
    assert.ok(graphql.perSecond > 0.3 * rest.perSecond, told)
    assert.ok(graphql.cpuMicroseconds < 1.4 * stock.cpuMicroseconds, told)
  })
})
