import assert from 'node:assert/strict'
import { PLANTED_BUGS } from './simulation/planted.js'
import { simulate } from './simulation/world.js'

/**
 * The vote path in a world of its own (see simulation/): the same decisions as in the services, and a clock, a
 * broker, a view and a network that are made up. As many worlds as the time allows, at least so many;
 * `SEED=17` tells the story of one seed, `SEEDS=10000` exactly so many.
 */
const SEEDS_MIN = 1_500
const BUDGET_MS = 20_000
/** Worlds in which each planted bug must be found. Most take less than ten. */
const PLANTED_SEEDS_MAX = 1_500

const seedsOfThisRun = function* (): Generator<number> {
  const { SEED, SEEDS } = process.env
  const beganMs = performance.now()
  const first = Number(SEED ?? 0)
  const count = SEED ? 1 : Number(SEEDS ?? SEEDS_MIN)
  const budgetMs = SEED || SEEDS ? 0 : BUDGET_MS
  for (let seed = first; seed < first + count || performance.now() - beganMs < budgetMs; seed += 1) yield seed
}

describe('the vote path, whatever is lost, late, doubled, dead or stale', function () {
  this.timeout(600_000)

  it('loses no vote, counts none twice, locks nobody out, and shows no board that goes back', () => {
    let worlds = 0
    let votes = 0
    for (const seed of seedsOfThisRun()) {
      const story = simulate(seed)
      worlds += 1
      votes += story.votes
      assert.equal(
        story.violation,
        undefined,
        `SEED=${seed} npx mocha scripts/dist/test/unit/simulation.test.js tells it again`,
      )
    }
    process.stdout.write(`      ${votes} votes in ${worlds} worlds\n`)
    assert.ok(votes >= worlds, 'people do vote in these worlds')
  })

  it('the same seed is the same story', () => {
    assert.deepEqual(simulate(7), simulate(7))
    assert.notDeepEqual(simulate(7), simulate(8))
  })

  for (const bug of PLANTED_BUGS) {
    it(`would find an implementation that ${bug}`, () => {
      let seed = 0
      while (seed < PLANTED_SEEDS_MAX && simulate(seed, bug).violation === undefined) seed += 1
      assert.ok(seed < PLANTED_SEEDS_MAX, `not found in ${seed} worlds`)
    })
  }
})
