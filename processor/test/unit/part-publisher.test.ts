import assert from 'node:assert/strict'
import { eventNumber, shardNumber } from '@votestream/schema/numbers'
import type { Tally } from '@votestream/schema/tally'
import { type BoardPart, TRACES_SHOWN_MAX } from '@votestream/schema/votes'
import { createPartPublisher } from '../../src/publish/part-publisher.js'

const tally = (sequence: number): Tally => ({
  totals: [sequence],
  sequence,
  ackedAtMs: sequence,
  entries: sequence,
  rejected: 0,
  superseded: 0,
  dead: 0,
  closedAtMs: null,
})

describe('the publisher of parts', () => {
  it('publishes the first part at once, then only the latest of each tick', async () => {
    const published: BoardPart[] = []
    const publisher = createPartPublisher({ publish: (_event, part) => void published.push(part), tickMs: 5 })
    const event = eventNumber(3)
    for (const sequence of [1, 2, 3, 4]) {
      publisher.offer(shardNumber(1), 'g', new Map([[event, tally(sequence)]]))
    }
    assert.deepEqual(
      published.map(({ sequence }) => sequence),
      [1],
    )
    while (published.length < 2) await new Promise(setImmediate)
    assert.equal(published[1]?.sequence, 4)
    assert.deepEqual(published[1]?.totals, [4])
    publisher.stop()
  })

  it('tells since when the earliest change has waited that a part is the first to show', async () => {
    const published: BoardPart[] = []
    const publisher = createPartPublisher({ publish: (_event, part) => void published.push(part), tickMs: 5 })
    const event = eventNumber(3)
    const offer = (sequence: number, appliedAtMs?: number) =>
      publisher.offer(shardNumber(1), 'g', new Map([[event, tally(sequence)]]), { appliedAtMs })
    for (const sequence of [1, 2, 3]) offer(sequence, 100 + sequence)
    while (published.length < 2) await new Promise(setImmediate)
    offer(4)
    offer(5, 105)
    while (published.at(-1)?.sequence !== 5) await new Promise(setImmediate)
    assert.deepEqual(
      published.slice(0, 2).map(({ appliedAtMs }) => appliedAtMs),
      [101, 102],
    )
    assert.equal(published.at(-1)?.appliedAtMs, 105)
    publisher.stop()
  })

  it('hands on the traces of all that a part is the first to show, up to a bound, and each once', async () => {
    const published: string[][] = []
    const publisher = createPartPublisher({
      publish: (_event, _part, traces) => void published.push(traces.map(({ traceId }) => traceId)),
      tickMs: 5,
    })
    const event = eventNumber(3)
    const offer = (sequence: number, ...traceIds: string[]) =>
      publisher.offer(shardNumber(1), 'g', new Map([[event, tally(sequence)]]), {
        traces: new Map([[event, traceIds.map((traceId) => ({ traceId, spanId: '1' }))]]),
      })
    offer(1, 'a')
    offer(2, 'b')
    offer(3)
    offer(4, 'c', 'd')
    while (published.length < 2) await new Promise(setImmediate)
    offer(5, ...Array.from({ length: 2 * TRACES_SHOWN_MAX }, (_, index) => String(index)))
    while (published.length < 3) await new Promise(setImmediate)
    assert.deepEqual(published.slice(0, 2), [['a'], ['b', 'c', 'd']])
    assert.equal(published[2]?.length, TRACES_SHOWN_MAX)
    publisher.stop()
  })

  it('tells of the earliest vote that a part is the first to show, and of none that a part showed before', async () => {
    const published: BoardPart[] = []
    const publisher = createPartPublisher({ publish: (_event, part) => void published.push(part), tickMs: 5 })
    const event = eventNumber(3)
    const offer = (sequence: number, ackedAtMs?: number, clientAtMs = 0) => {
      const earliest = new Map(ackedAtMs === undefined ? [] : [[event, { ackedAtMs, clientAtMs }]])
      publisher.offer(shardNumber(1), 'g', new Map([[event, tally(sequence)]]), { appliedAtMs: 1, earliest })
    }
    offer(1, 11, 9)
    offer(2)
    offer(3, 13)
    offer(4, 14, 12)
    while (published.length < 2) await new Promise(setImmediate)
    offer(5)
    while (published.length < 3) await new Promise(setImmediate)
    assert.deepEqual(
      published.map(({ earliestAckedAtMs, clientAtMs }) => [earliestAckedAtMs, clientAtMs]),
      [
        [11, 9],
        [13, 12],
        [0, 0],
      ],
    )
    publisher.stop()
  })
})
