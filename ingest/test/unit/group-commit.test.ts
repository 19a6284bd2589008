import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { type Batch, createGroupCommit, type Step, TAKEOVER_RECORDS } from '../../src/group-commit.js'

/** A log with a fence, as the broker keeps it, whose answers may be lost and whose messages may come late. */
const createWorld = () => {
  const log: { id: string; items: readonly number[] }[] = []
  return {
    log,
    append(id: string, items: readonly number[], expected: number): 'stored' | 'refused' {
      if (log.some((message) => message.id === id)) return 'stored'
      if (log.length !== expected) return 'refused'
      log.push({ id, items })
      return 'stored'
    },
    look(id: string, expected: number): 'stored' | 'end' | 'foreign' {
      if (log.length === expected) return 'end'
      return log[expected]?.id === id ? 'stored' : 'foreign'
    },
  }
}

const machineFor = (batchItemsMax = 3, lastSequence = 0) => {
  let ids = 0
  return createGroupCommit<number>({
    lastSequence,
    newId: () => `b${ids++}`,
    batchItemsMax,
    batchBytesMax: 1_000,
    bytesOf: () => 1,
  })
}

const appendOf = (step: Step<number> | undefined): Batch<number> => {
  assert.equal(step?.do, 'append')
  return (step as Step<number>).batch
}

/** What may happen to a message on its way: see the property below. */
type Fortune = 'ok' | 'lost-before' | 'lost-answer' | 'late'
const fortunes = fc.constantFrom<Fortune>('ok', 'ok', 'lost-before', 'lost-answer', 'late')

describe('group commit', () => {
  it('whatever is lost or late on the way, each item is in the log once, in order, and told once', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 12 }),
        fc.array(fortunes, { maxLength: 40 }),
        fc.array(fc.nat(7), { maxLength: 80 }),
        (bursts, luck, order) => {
          const world = createWorld()
          const machine = machineFor()
          const told: number[] = []
          let items = 0
          let turn = 0
          let deliveries: (() => void)[] = []
          const late: (() => void)[] = []
          const tell = (stored: Batch<number>[]) => {
            for (const batch of stored) told.push(...batch.items)
          }
          const execute = (step: Step<number>) => {
            const { batch } = step
            const fortune = luck[turn++] ?? 'ok'
            const arrive = () => world.append(batch.id, batch.items, batch.expected)
            deliveries.push(() => {
              if (step.do === 'look') {
                const known = fortune === 'ok' || fortune === 'late'
                return tell(machine.looked(batch, known ? world.look(batch.id, batch.expected) : 'unknown'))
              }
              if (fortune === 'ok') return tell(machine.appended(batch, arrive()))
              if (fortune === 'lost-answer') arrive()
              // It will reach the broker long after its sender stopped waiting for it.
              if (fortune === 'late') late.push(arrive)
              return tell(machine.appended(batch, 'unknown'))
            })
          }
          const drain = (until: number) => {
            for (let guard = 0; guard < 500; guard += 1) {
              for (let step = machine.next(); step; step = machine.next()) execute(step)
              if (deliveries.length <= until) return
              const pick = (order[guard % Math.max(1, order.length)] ?? 0) % deliveries.length
              const [delivery] = deliveries.splice(pick, 1)
              delivery?.()
              if (guard % 3 === 0) late.shift()?.()
            }
          }
          for (const burst of bursts) {
            for (let count = 0; count < burst; count += 1) machine.add(items++)
            drain(1)
          }
          drain(0)
          deliveries = []
          const all = Array.from({ length: items }, (_, item) => item)
          assert.deepEqual(
            world.log.flatMap((message) => message.items),
            all,
          )
          assert.deepEqual(told, all)
          assert.equal(machine.size, 0)
          assert.equal(machine.lost, false)
        },
      ),
      { numRuns: 2_000 },
    )
  })

  it('nothing is told before it is on disk', () => {
    const machine = machineFor()
    machine.add(1)
    const batch = appendOf(machine.next())
    assert.deepEqual(machine.appended(batch, 'unknown'), [])
    const again = appendOf(machine.next())
    assert.equal(again, batch)
    assert.deepEqual(machine.appended(again, 'stored'), [batch])
  })

  it('a batch that is stored before the one ahead of it is told after it', () => {
    const machine = machineFor(1)
    machine.add(1)
    machine.add(2)
    const first = appendOf(machine.next())
    const second = appendOf(machine.next())
    assert.equal(second.expected, first.expected + 1)
    assert.deepEqual(machine.appended(second, 'stored'), [])
    assert.deepEqual(machine.appended(first, 'stored'), [first, second])
  })

  it('at most two batches are under way, and the rest gathers into the next one', () => {
    const machine = machineFor(100)
    machine.add(1)
    const first = appendOf(machine.next())
    machine.add(2)
    const second = appendOf(machine.next())
    for (const item of [3, 4, 5]) machine.add(item)
    assert.equal(machine.next(), undefined)
    machine.appended(first, 'stored')
    assert.deepEqual(appendOf(machine.next()).items, [3, 4, 5])
    assert.deepEqual(second.items, [2])
  })

  it('a second batch leaves once it is as large as the first one, and no item waits when it is alone', () => {
    const machine = machineFor(10)
    machine.add(1)
    assert.deepEqual(appendOf(machine.next()).items, [1])
    machine.add(2)
    // Alone behind one that is alone.
    const second = appendOf(machine.next())
    assert.deepEqual(second.items, [2])
    const crowd = machineFor(10)
    for (const item of [1, 2, 3]) crowd.add(item)
    const first = appendOf(crowd.next())
    for (const item of [4, 5]) crowd.add(item)
    assert.equal(crowd.next(), undefined)
    crowd.add(6)
    assert.deepEqual(appendOf(crowd.next()).items, [4, 5, 6])
    for (const item of [7, 8]) crowd.add(item)
    crowd.appended(first, 'stored')
    assert.equal(crowd.next(), undefined)
  })

  it('what is smaller than the first batch leaves when that is on disk', () => {
    const machine = machineFor(10)
    for (const item of [1, 2, 3]) machine.add(item)
    const first = appendOf(machine.next())
    machine.add(4)
    assert.equal(machine.next(), undefined)
    machine.appended(first, 'stored')
    assert.deepEqual(appendOf(machine.next()).items, [4])
  })

  it('a writer that finds another one in its log tells nothing more', () => {
    const world = createWorld()
    world.append('other', [9], 0)
    const machine = machineFor()
    machine.add(1)
    const batch = appendOf(machine.next())
    assert.deepEqual(machine.appended(batch, world.append(batch.id, batch.items, batch.expected)), [])
    const look = machine.next()
    assert.equal(look?.do, 'look')
    assert.deepEqual(machine.looked(batch, world.look(batch.id, batch.expected)), [])
    assert.equal(machine.lost, true)
    machine.add(2)
    assert.equal(machine.next(), undefined)
  })

  it('nothing that a writer had under way gets into the log behind the records of the next one', () => {
    const world = createWorld()
    const stale = machineFor(1)
    stale.add(1)
    stale.add(2)
    const underWay = [appendOf(stale.next()), appendOf(stale.next())]
    for (let record = 0; record < TAKEOVER_RECORDS; record += 1) world.append(`next-${record}`, [], record)
    for (const { id, items, expected } of underWay) assert.equal(world.append(id, items, expected), 'refused')
  })

  it('lets go of what is on disk, though something waits at every moment', async () => {
    // Node offers it only when told to, which a test may do by itself.
    setFlagsFromString('--expose-gc')
    const collectGarbage = runInNewContext('gc') as () => void
    const machine = createGroupCommit<{ readonly index: number }>({
      lastSequence: 0,
      newId: randomUUID,
      batchItemsMax: 10,
      batchBytesMax: 1_000,
      bytesOf: () => 1,
    })
    const added: WeakRef<object>[] = []
    const add = (): void => {
      const item = { index: added.length }
      added.push(new WeakRef(item))
      machine.add(item)
    }
    for (let waiting = 0; waiting < 15; waiting += 1) add()
    for (let round = 0; round < 100; round += 1) {
      const step = machine.next()
      assert.equal(step?.do, 'append')
      if (step?.do === 'append') machine.appended(step.batch, 'stored')
      for (let item = 0; item < 10; item += 1) add()
    }
    // What was made in this turn of the event loop is held until its end.
    await pause(0)
    collectGarbage()
    const held = added.filter((reference) => reference.deref() !== undefined).length
    assert.equal(machine.size, 15)
    assert.ok(held < 100, `${held} of ${added.length} items are held`)
  })

  it('a batch is bounded in bytes, and one item always fits', () => {
    const machine = createGroupCommit<number>({
      lastSequence: 0,
      newId: () => 'b',
      batchItemsMax: 100,
      batchBytesMax: 10,
      bytesOf: (item) => item,
    })
    for (const item of [50, 4, 5, 6]) machine.add(item)
    assert.deepEqual(appendOf(machine.next()).items, [50])
    assert.deepEqual(appendOf(machine.next()).items, [4, 5])
  })
})
