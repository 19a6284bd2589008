import assert from 'node:assert/strict'
import { parseChaosOptions } from '../../src/chaos/options.js'
import { INSTANCES } from '../../src/chaos/processes.js'
import { createSchedule, FAULTS, type FaultName, KINDS, type Kind } from '../../src/chaos/schedule.js'

const HOUR_MS = 3_600_000
const scheduleOf = (seed: number, faults: readonly FaultName[] = FAULTS, durationMs = HOUR_MS) =>
  createSchedule({ seed, durationMs, faults, instances: INSTANCES })

describe('a schedule of faults', () => {
  it('follows from its seed alone, and another seed gives another one', () => {
    assert.deepEqual(scheduleOf(7), scheduleOf(7))
    assert.notDeepEqual(scheduleOf(7), scheduleOf(8))
  })

  it('has every fault once before any comes again', () => {
    const names = scheduleOf(11).faults.map(({ name }) => name)
    assert.ok(names.length > 2 * FAULTS.length)
    assert.deepEqual(names.slice(0, FAULTS.length).sort(), [...FAULTS].sort())
    assert.deepEqual(names.slice(FAULTS.length, 2 * FAULTS.length).sort(), [...FAULTS].sort())
  })

  it('ends within its time', () => {
    for (let seed = 0; seed < 50; seed += 1) {
      const tookMs = scheduleOf(seed, FAULTS, 120_000).faults.reduce(
        (sum, { waitMs, lastsMs }) => sum + waitMs + lastsMs,
        0,
      )
      assert.ok(tookMs > 90_000 && tookMs <= 120_000, `${tookMs}`)
    }
  })

  it('strikes one process of the kind that is named, all of them, or two different ones', () => {
    const known = new Set<string>(Object.values(INSTANCES).flat())
    for (const { name, targets } of scheduleOf(3).faults) {
      const kind = KINDS.find((candidate) => name.endsWith(`-${candidate}`))
      const count = name.endsWith('-pair')
        ? 2
        : name.startsWith('clocks-')
          ? INSTANCES[kind as Kind].length
          : /^(kill|stop|clock)-/.test(name)
            ? 1
            : 0
      assert.equal(new Set(targets).size, count, name)
      for (const target of targets) {
        assert.ok(known.has(target))
        if (kind) assert.ok(target.startsWith(kind))
      }
    }
  })

  it('kills nobody in the middle of a fault but another one of the kind, or the server that it is about', () => {
    for (const { name, targets, kills } of scheduleOf(3).faults) {
      const kind = KINDS.find((candidate) => name.endsWith(`-${candidate}`))
      for (const killed of kills) {
        assert.match(name, /^(full|clocks?)-/)
        assert.ok(kind && killed.startsWith(kind))
        if (name.startsWith('clock-')) assert.ok(!targets.includes(killed))
      }
    }
  })

  it('over time strikes each process', () => {
    const struck = new Set(scheduleOf(5).faults.flatMap(({ targets }) => targets))
    assert.deepEqual([...struck].sort(), Object.values(INSTANCES).flat().sort())
  })

  it('holds nothing but the faults that were asked for', () => {
    const names = scheduleOf(5, ['flushall', 'kill-nats']).faults.map(({ name }) => name)
    assert.deepEqual(new Set(names), new Set(['flushall', 'kill-nats']))
  })
})

describe('what chaos is asked for', () => {
  it('is a seed that is drawn, and every fault, unless told', () => {
    const options = parseChaosOptions([], () => 99)
    assert.deepEqual([options.kind, options.seed, options.durationMs], ['run', 99, 300_000])
    assert.deepEqual(options.faults, FAULTS)
  })

  it('is what was told', () => {
    const args = ['--seed', '4', '--minutes', '0.5', '--fault', 'flushall', '--fault', 'stop-nats']
    const options = parseChaosOptions(args, () => 99)
    assert.deepEqual(
      [options.seed, options.durationMs, options.faults],
      [4, 30_000, ['flushall', 'stop-nats']],
    )
  })

  it('cannot be a fault that does not exist, or no number', () => {
    assert.throws(() => parseChaosOptions(['--fault', 'flood'], () => 1), /There is no fault flood/)
    assert.throws(() => parseChaosOptions(['--minutes', 'x'], () => 1), /--minutes/)
    assert.throws(() => parseChaosOptions(['--seed', '1.5'], () => 1), /--seed/)
  })
})
