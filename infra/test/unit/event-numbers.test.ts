import assert from 'node:assert/strict'
import { type EventNumber, eventNumber } from '@votestream/schema/numbers'
import fc from 'fast-check'
import { createEventNumbers } from '../../src/event-numbers.js'

describe('the numbers of events', () => {
  it('come newest first, each once, in whatever order they were learnt', () => {
    const number = fc.integer({ min: 1, max: 40 })
    const step = fc.record({ add: number, count: fc.integer({ min: 0, max: 10 }), before: fc.option(number) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const numbers = createEventNumbers()
        const known = new Set<EventNumber>()
        for (const { add, count, before } of steps) {
          numbers.add(eventNumber(add))
          known.add(eventNumber(add))
          const expected = [...known]
            .filter((each) => before === null || each < before)
            .sort((a, b) => b - a)
            .slice(0, count)
          const found = numbers.newest(count, before === null ? undefined : eventNumber(before))
          assert.deepEqual(found, expected)
        }
      }),
    )
  })
})
