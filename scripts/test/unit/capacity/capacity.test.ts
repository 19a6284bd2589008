import assert from 'node:assert/strict'
import fc from 'fast-check'
import { capacityOf } from '../../../src/capacity/capacity.js'
import type { Demand } from '../../../src/capacity/demand.js'
import type { Figures } from '../../../src/capacity/figures.js'
import type { Group } from '../../../src/capacity/line.js'
import { DEMAND, FIGURES, figure } from './some-figures.js'

const taken = (group: Group, name: string, demand: Demand = DEMAND, figures: Figures = FIGURES) => {
  const line = capacityOf(demand, figures).lines.find((one) => one.group === group && one.name === name)
  assert.ok(line, `${group}: ${name}`)
  return line.value
}

describe('capacity', () => {
  /** Each worked out by hand from the round figures: 250,000/s, half busy, three copies. */
  const BY_HAND: readonly (readonly [Group, string, number])[] = [
    // 250,000 × 100 µs = 25 busy cores.
    ['Cores', 'gateways, votes', 50],
    // 5,000,000 messages × 20 µs = 100, and 1,000,000 sockets × 4 µs = 4.
    ['Cores', 'gateways, viewers', 208],
    // 6.25 busy.
    ['Cores', 'ingest', 13],
    // 1.25 busy.
    ['Cores', 'processor, tally', 3],
    // 2 busy.
    ['Cores', 'processor, archive', 4],
    // 0.5 busy.
    ['Cores', 'Redis, that are written to', 1],
    // 250,000 × (20 + 2 × 2) µs = 6 busy.
    ['Cores', 'NATS', 12],
    // 250,000 × 3 × 6 µs = 4.5 busy.
    ['Cores', 'ClickHouse', 9],
    // A writer takes 40,000/s, 20,000 half busy; a stream would take 50,000.
    ['Nodes', 'shards', 13],
    ['Nodes', 'gateways for votes', 4],
    // 208 cores are 13 nodes; 40 Gbit/s are 8.
    ['Nodes', 'gateways for viewers', 13],
    // One would do, and might die.
    ['Nodes', 'ingest', 2],
    ['Nodes', 'processor', 2],
    // 750,000 votes/s in copies ÷ 100,000.
    ['Nodes', 'NATS', 8],
    ['Nodes', 'Redis processes', 2],
    ['Nodes', 'Redis', 2],
    ['Nodes', 'ClickHouse', 3],
    ['Memory', 'gateways, sockets', 12_288_000_000],
    // 258 processes.
    ['Memory', 'gateways, their processes', 258 * 150 * 1024 * 1024],
    ['Memory', 'ingest, voted sets', 45_000_000],
    ['Memory', 'Redis', 120_000_000],
    ['Memory', 'NATS, index of accounts', 900_000_000_000],
    ['Disk', 'NATS, the log', 54_000_000_000],
    ['Disk', 'ClickHouse', 27_000_000_000],
    ['Disk', 'NATS, accounts', 540_000_000_000],
    ['Network', 'votes in', 1_000_000_000],
    ['Network', 'boards out', 40_000_000_000],
    // 120 Mbit/s for each of two further copies.
    ['Network', 'log, to its copies', 240_000_000],
    ['Network', 'out of the brokers', 600_000_000],
    // 13 × 20 × 208.
    ['Network', 'parts of boards to gateways', 54_080],
  ]
  for (const [group, name, value] of BY_HAND) {
    it(`works out ${group.toLowerCase()} of ${name} as by hand`, () => {
      const found = taken(group, name) ?? Number.NaN
      assert.ok(Math.abs(found - value) <= value * 1e-9, `${found} instead of ${value}`)
    })
  }

  it('leaves no line out of what is worked out by hand', () => {
    assert.equal(capacityOf(DEMAND, FIGURES).lines.length, BY_HAND.length)
  })

  it('says of memory that was not measured that it was not, and invents nothing', () => {
    const figures = { ...FIGURES, memory: undefined }
    for (const name of ['ingest, voted sets', 'NATS, index of accounts']) {
      assert.equal(taken('Memory', name, DEMAND, figures), null)
    }
    assert.equal(taken('Disk', 'NATS, accounts', DEMAND, figures), null)
  })

  it('takes boards of twice the contestants for twice as much, and of fewer for what was measured', () => {
    assert.equal(taken('Network', 'boards out', { ...DEMAND, contestants: 20 }), 80_000_000_000)
    assert.equal(taken('Network', 'boards out', { ...DEMAND, contestants: 2 }), 40_000_000_000)
  })

  it('names what gives way first, and the first that no node helps', () => {
    const { limits } = capacityOf(DEMAND, FIGURES)
    // 1 Redis for 0.5 busy cores, and so on: nothing has less than twice, and these have just that.
    assert.equal(limits.find(({ of }) => of === 'votes')?.multiple, 2)
    const fixed = limits.find(({ of, grows }) => of === 'votes' && !grows)
    // 13 × 40,000 ÷ 250,000.
    assert.equal(fixed?.component, "a shard's one writer, on one core")
    assert.equal(fixed?.multiple, 2.08)
    // 13 × 100,000 ÷ 250,000.
    const stream = limits.find(({ component }) => component.includes('ordered stream'))
    assert.equal(stream?.multiple, 5.2)
  })

  it('finds that the index of all accounts is more than a broker holds', () => {
    const [first] = capacityOf(DEMAND, FIGURES).limits
    assert.equal(first?.of, 'voters')
    // 64 GiB ÷ (300,000,000 × 1,000 bytes).
    assert.equal(first?.multiple, (64 * 1024 ** 3) / 300e9)
    const { limits } = capacityOf(DEMAND, { ...FIGURES, memory: undefined })
    assert.ok(limits.every(({ of }) => of !== 'voters'))
  })

  it('says when votes that came as they were cast cost more than those of a full log', () => {
    const doubts = (micros: number) =>
      capacityOf(DEMAND, { ...FIGURES, pairRate: figure(1), liveProcessor: figure(micros) }).doubts
    assert.match(doubts(37).join(), /37\.0 µs .* 13\.0/)
    assert.deepEqual(doubts(13), [])
  })

  it('finds a disk that is slower than everything else', () => {
    const figures = { ...FIGURES, streamRate: figure(10_000) }
    assert.equal(taken('Nodes', 'shards', DEMAND, figures), 50)
    const fixed = capacityOf(DEMAND, figures).limits.find(({ of, grows }) => of === 'votes' && !grows)
    assert.match(fixed?.component ?? '', /ordered stream/)
  })

  it('says that a rate is out of reach which needs more shards than there can be', () => {
    const { doubts, limits } = capacityOf({ ...DEMAND, rate: 5_000_000 }, FIGURES)
    assert.ok(doubts.some((doubt) => /^250 shards are needed, and there can be 64/.test(doubt)))
    // 64 × 40,000 ÷ 5,000,000.
    assert.equal(limits.find(({ of }) => of === 'votes')?.multiple, 0.512)
  })

  it('says when batches are smaller than those that were measured, and only then', () => {
    const doubts = (pairRate: number) =>
      capacityOf(DEMAND, { ...FIGURES, pairRate: figure(pairRate) }).doubts.length
    // 250,000 ÷ (50 × 13) = 384.6.
    assert.equal(doubts(385), 1)
    assert.equal(doubts(384), 0)
  })

  it('has no limit of viewers where nobody looks on', () => {
    const { limits } = capacityOf({ ...DEMAND, viewers: 0 }, FIGURES)
    assert.ok(limits.length > 0 && limits.every(({ of, multiple }) => of !== 'viewers' && multiple > 0))
  })
})

const demands: fc.Arbitrary<Demand> = fc.record({
  rate: fc.integer({ min: 1, max: 10_000_000 }),
  viewers: fc.integer({ min: 0, max: 100_000_000 }),
  voters: fc.integer({ min: 1, max: 1_000_000_000 }),
  boards: fc.double({ min: 0.1, max: 50, noNaN: true }),
  contestants: fc.integer({ min: 2, max: 200 }),
  headroom: fc.double({ min: 0.01, max: 1, noNaN: true }),
  replicas: fc.integer({ min: 1, max: 5 }),
  memoryGib: fc.integer({ min: 1, max: 1_024 }),
  coresPerNode: fc.integer({ min: 1, max: 128 }),
  nicGbits: fc.double({ min: 0.1, max: 100, noNaN: true }),
  redisCopies: fc.integer({ min: 1, max: 5 }),
  ticks: fc.integer({ min: 1, max: 100 }),
})

describe('capacity, whatever is asked', () => {
  const values = (demand: Demand, figures: Figures = FIGURES): number[] =>
    capacityOf(demand, figures).lines.map(({ value }) => value ?? 0)

  const neverLess = (more: (demand: Demand, by: number) => Demand): void => {
    fc.assert(
      fc.property(demands, fc.integer({ min: 1, max: 1_000 }), (demand, by) => {
        const before = values(demand)
        for (const [index, value] of values(more(demand, by)).entries())
          assert.ok(value >= (before[index] ?? 0))
      }),
    )
  }

  it('never takes less for more votes', () => {
    neverLess((demand, by) => ({ ...demand, rate: demand.rate + by ** 2 }))
  })
  it('never takes less for more viewers, boards, contestants or voters', () => {
    neverLess((demand, by) => ({ ...demand, viewers: demand.viewers + by ** 2 }))
    neverLess((demand, by) => ({ ...demand, boards: demand.boards + by / 10 }))
    neverLess((demand, by) => ({ ...demand, contestants: demand.contestants + by }))
    neverLess((demand, by) => ({ ...demand, voters: demand.voters + by ** 2 }))
  })
  it('never takes less for more copies, or where everything must be less busy', () => {
    neverLess((demand, by) => ({ ...demand, replicas: demand.replicas + by }))
    neverLess((demand, by) => ({ ...demand, redisCopies: demand.redisCopies + by }))
    neverLess((demand, by) => ({ ...demand, headroom: demand.headroom / (1 + by / 100) }))
  })
  it('never takes less where a vote costs more', () => {
    fc.assert(
      fc.property(demands, fc.double({ min: 1, max: 100, noNaN: true }), (demand, factor) => {
        const dearer = { ...FIGURES, ingestVote: figure(25 * factor), natsVote: figure(20 * factor) }
        const before = values(demand)
        for (const [index, value] of values(demand, dearer).entries())
          assert.ok(value >= (before[index] ?? 0))
      }),
    )
  })
  it('holds what was asked with the headroom that was asked, unless there cannot be so many shards', () => {
    fc.assert(
      fc.property(demands, (demand) => {
        const { limits, doubts } = capacityOf(demand, FIGURES)
        fc.pre(!doubts.some((doubt) => doubt.includes('out of reach')))
        for (const { of, multiple } of limits) {
          if (of !== 'voters') assert.ok(multiple >= (1 / demand.headroom) * (1 - 1e-9))
        }
      }),
    )
  })
  it('gives finite amounts, none below 0, and limits in order', () => {
    fc.assert(
      fc.property(demands, (demand) => {
        assert.ok(values(demand).every((value) => Number.isFinite(value) && value >= 0))
        const multiples = capacityOf(demand, FIGURES).limits.map(({ multiple }) => multiple)
        assert.deepEqual(
          multiples,
          [...multiples].sort((a, b) => a - b),
        )
      }),
    )
  })
})
