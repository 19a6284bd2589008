import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  type Candidate,
  chooseServer,
  natsRequirement,
  redisRequirement,
  type ServerFacts,
} from '../../src/servers/server-source.js'
import { compareVersions, isAtLeast, parseVersion, type Version } from '../../src/servers/version.js'

const available = (version: Version): Candidate => ({ state: 'available', version })
const unavailable: Candidate = { state: 'unavailable', reason: 'no such package' }
const unasked: Candidate = { state: 'unasked' }

function facts(
  known: Partial<ServerFacts['candidates']> & { onPath?: Version; unpacked?: Version },
): ServerFacts {
  const { onPath, unpacked, distribution = unasked, stable = unasked } = known
  return { onPath, unpacked, candidates: { distribution, stable } }
}

describe('where a server comes from', () => {
  it('a binary on PATH that is new enough goes before everything else', () => {
    const known = facts({ onPath: [2, 10, 23], unpacked: [2, 11, 0], distribution: available([2, 12, 0]) })
    assert.deepEqual(chooseServer(natsRequirement, known), { kind: 'path' })
  })

  it('what was unpacked before is used without asking anybody', () => {
    assert.deepEqual(chooseServer(natsRequirement, facts({ unpacked: [2, 10, 27] })), { kind: 'unpacked' })
  })

  it('the distribution is asked before the stable suite, and used where it is new enough', () => {
    assert.deepEqual(chooseServer(redisRequirement, facts({})), { kind: 'ask', suite: 'distribution' })
    const known = facts({ distribution: available([7, 0, 15]) })
    assert.deepEqual(chooseServer(redisRequirement, known), { kind: 'fetch', suite: 'distribution' })
  })

  it('the nats-server 2.9.10 of Debian 12 is passed over for the stable suite', () => {
    const old = available([2, 9, 10])
    assert.deepEqual(chooseServer(natsRequirement, facts({ onPath: [2, 9, 10], distribution: old })), {
      kind: 'ask',
      suite: 'stable',
    })
    const both = facts({ distribution: old, stable: available([2, 10, 27]) })
    assert.deepEqual(chooseServer(natsRequirement, both), { kind: 'fetch', suite: 'stable' })
  })

  it('where none can be had, the answer says what was found, what to install and which variable helps', () => {
    const known = facts({ onPath: [2, 9, 10], distribution: available([2, 9, 10]), stable: unavailable })
    const choice = chooseServer(natsRequirement, known)
    assert.equal(choice.kind, 'none')
    for (const part of ['2.10.23', '2.9.10', 'no such package', 'NATS_URL', 'PATH']) {
      assert.ok(choice.explanation.includes(part), `${part} in: ${choice.explanation}`)
    }
  })

  it('no combination of facts ever chooses a version below the minimum', () => {
    const version: fc.Arbitrary<Version> = fc.tuple(
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 8, max: 11 }),
      fc.integer({ min: 0, max: 30 }),
    )
    const candidate = fc.oneof(fc.constant(unasked), fc.constant(unavailable), version.map(available))
    const optional = fc.option(version, { nil: undefined })
    fc.assert(
      fc.property(optional, optional, candidate, candidate, (onPath, unpacked, distribution, stable) => {
        const known: ServerFacts = { onPath, unpacked, candidates: { distribution, stable } }
        const choice = chooseServer(natsRequirement, known)
        const { minimum } = natsRequirement
        if (choice.kind === 'path') assert.ok(isAtLeast(onPath, minimum))
        if (choice.kind === 'unpacked') assert.ok(isAtLeast(unpacked, minimum))
        if (choice.kind === 'fetch') {
          const chosen = known.candidates[choice.suite]
          assert.ok(chosen.state === 'available' && isAtLeast(chosen.version, minimum))
        }
      }),
    )
  })
})

describe('a version', () => {
  it('is read from what servers and packages say', () => {
    assert.deepEqual(parseVersion('nats-server: v2.10.27\n'), [2, 10, 27])
    assert.deepEqual(parseVersion('Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0'), [7, 0, 15])
    assert.deepEqual(parseVersion('5:8.0.2-3+deb13u2'), [8, 0, 2])
    assert.deepEqual(parseVersion('2.9.10-1+b3'), [2, 9, 10])
    assert.deepEqual(parseVersion('7.2'), [7, 2, 0])
    assert.equal(parseVersion('unknown'), undefined)
  })

  it('is compared by its numbers and not as text', () => {
    assert.ok(compareVersions([2, 9, 10], [2, 10, 23]) < 0)
    assert.ok(compareVersions([2, 10, 3], [2, 10, 23]) < 0)
    assert.equal(compareVersions([7, 0, 0], [7, 0, 0]), 0)
  })
})
