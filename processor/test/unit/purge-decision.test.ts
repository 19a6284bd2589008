import assert from 'node:assert/strict'
import fc from 'fast-check'
import { decidePurge, type LogSituation } from '../../src/janitor/purge-decision.js'

const sequence = fc.integer({ min: 1, max: 1_000 })
const generation = fc.constantFrom('this log', 'this log', 'this log', 'another')
const sink = fc.option(fc.record({ generation, sequence, wholeAt: fc.constantFrom(0, 0, 500, 2_000) }), {
  nil: undefined,
})

const situations: fc.Arbitrary<LogSituation> = fc
  .record({
    firstSequence: sequence,
    messages: fc.integer({ min: 0, max: 1_000 }),
    bytes: fc.integer({ min: 0, max: 100_000 }),
    redis: sink,
    clickhouse: sink,
    oldestDead: fc.option(sequence, { nil: undefined }),
    firstWithinAge: fc.option(sequence, { nil: undefined }),
    firstYoung: sequence,
  })
  .map(({ firstSequence, messages, ...rest }) => ({
    ...rest,
    messages,
    position: { generation: 'this log', firstSequence, lastSequence: firstSequence + messages - 1 },
  }))
const bytesMaxima = fc.option(fc.integer({ min: 1, max: 100_000 }), { nil: undefined })

/** One in which everything may go. */
const free: LogSituation = {
  position: { generation: 'this log', firstSequence: 11, lastSequence: 110 },
  messages: 100,
  bytes: 1_000,
  redis: { generation: 'this log', sequence: 110, wholeAt: 0 },
  clickhouse: { generation: 'this log', sequence: 110, wholeAt: 0 },
  oldestDead: undefined,
  firstWithinAge: undefined,
  firstYoung: 111,
}

describe('what is purged from the log', () => {
  it('was never what a sink does not hold, what is dead, or what is young', () => {
    fc.assert(
      fc.property(situations, bytesMaxima, (situation, bytesMax) => {
        const { position, redis, clickhouse, oldestDead, firstYoung } = situation
        const first = decidePurge(situation, { bytesMax })
        assert.ok(first >= position.firstSequence)
        for (let purged = position.firstSequence; purged < first; purged += 1) {
          for (const sink of [redis, clickhouse]) {
            assert.equal(sink?.generation, position.generation)
            assert.ok(sink && purged <= sink.sequence && sink.sequence >= sink.wholeAt)
          }
          assert.ok(oldestDead === undefined || purged < oldestDead)
          assert.ok(purged < firstYoung)
        }
      }),
    )
  })

  it('is nothing, unless a limit is configured and exceeded', () => {
    fc.assert(
      fc.property(situations, (situation) => {
        const unlimited = { ...situation, firstWithinAge: undefined }
        assert.equal(decidePurge(unlimited, { bytesMax: undefined }), situation.position.firstSequence)
        assert.equal(decidePurge(unlimited, { bytesMax: situation.bytes }), situation.position.firstSequence)
      }),
    )
  })

  it('is what is too old, and as much as is too large', () => {
    assert.equal(decidePurge({ ...free, firstWithinAge: 31 }, { bytesMax: undefined }), 31)
    assert.equal(decidePurge(free, { bytesMax: 600 }), 51)
    assert.equal(decidePurge({ ...free, firstWithinAge: 61 }, { bytesMax: 600 }), 61)
    assert.equal(decidePurge({ ...free, firstWithinAge: 31 }, { bytesMax: 600 }), 51)
  })
})
