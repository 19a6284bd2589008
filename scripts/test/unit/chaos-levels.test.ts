import assert from 'node:assert/strict'
import type { SeenBoard } from '../../src/chaos/board-history.js'
import type { AttemptRecord } from '../../src/chaos/ledger.js'
import { LEVELS, levelsOf } from '../../src/chaos/levels.js'
import {
  type DoneFault,
  judgeRecoveries,
  type Recovery,
  recoveriesOf,
  type ShownVote,
  shownVotes,
} from '../../src/chaos/recovery.js'
import { resultsOf } from '../../src/chaos/results.js'
import { FAULTS, type FaultName } from '../../src/chaos/schedule.js'
import { acknowledgedLevel, judgeLevel, shownLevel } from '../../src/chaos/service-levels.js'

const EVENT = 1

const answered = (
  voter: number,
  atMs: number,
  tookMs: number,
  first: { status: number } = { status: 200 },
): AttemptRecord => {
  const key = `${voter}`
  const answer = { kind: 'answer', key, code: '', voteId: '', via: 'rest', sentAtMs: atMs } as const
  const final = { ...answer, status: 200, atMs: atMs + tookMs }
  return {
    attempt: { kind: 'attempt', key, event: EVENT, voter, contestant: 0, voteId: '', second: false, atMs },
    answers: first.status === 200 ? [final] : [{ ...answer, ...first, atMs: atMs + 5 }, final],
    final,
  }
}
/** Votes in both shards, one each 10 ms, each answered in its time. */
const steadily = (fromMs: number, untilMs: number, tookMs: number): AttemptRecord[] =>
  Array.from({ length: (untilMs - fromMs) / 10 }, (_, index) => answered(index, fromMs + 10 * index, tookMs))
const shownSteadily = (fromMs: number, untilMs: number, tookMs: number): ShownVote[] =>
  Array.from({ length: (untilMs - fromMs) / 10 }, (_, index) => {
    const acknowledgedAtMs = fromMs + 10 * index
    return { acknowledgedAtMs, shownAtMs: acknowledgedAtMs + tookMs }
  })

const END = Number.POSITIVE_INFINITY
const fault = (name: FaultName, atMs: number, more: Partial<DoneFault> = {}): DoneFault => ({
  name,
  kills: [],
  atMs,
  endedAtMs: atMs,
  untilMs: END,
  ...more,
})
const recoveries = (
  done: readonly DoneFault[],
  attempts: readonly AttemptRecord[],
  shown: readonly ShownVote[] = shownSteadily(0, 60_000, 50),
): Recovery[] => recoveriesOf({ done, attempts, shown, shards: 2 })

describe('the time a fault takes to recover from', () => {
  it('lasts until the last shard acknowledges a vote that was sent since', () => {
    const attempts = [answered(2, 1_010, 20), answered(1, 1_100, 1_900), answered(2, 1_200, 20)]
    const [only] = recoveries([fault('kill-ingest', 1_000)], attempts)
    assert.equal(only?.acknowledged.tookMs, 2_000)
    assert.deepEqual(judgeRecoveries(only ? [only] : []), [])
  })

  it('is found to be too long, for votes and for boards', () => {
    const attempts = [...steadily(0, 1_000, 20), ...steadily(8_000, 9_000, 20)]
    const shown = [...shownSteadily(0, 1_000, 50), ...shownSteadily(1_000, 2_000, 9_000)]
    const late = judgeRecoveries(recoveries([fault('kill-ingest', 1_000)], attempts, shown))
    assert.deepEqual(
      late.map(({ column, what, atMs }) => [column, what, atMs]),
      [
        ['late', 'votes were acknowledged again too late', 1_000],
        ['late', 'boards moved again too late', 1_000],
      ],
    )
  })

  it('counts from the end of a fault during which nothing can work', () => {
    const attempts = [...steadily(0, 1_000, 20), ...steadily(6_500, 7_000, 20)]
    const [only] = recoveries([fault('stop-nats', 1_000, { endedAtMs: 6_000 })], attempts)
    assert.equal(only?.acknowledged.tookMs, 520 + 10)
    assert.equal(only?.acknowledged.late, false)
  })

  it('that another fault cut short says nothing, unless its time was over', () => {
    const attempts = steadily(20_000, 21_000, 20)
    const cut = (nextMs: number) =>
      recoveries([fault('kill-ingest', 1_000, { untilMs: nextMs }), fault('kill-nats', nextMs)], attempts)[0]
        ?.acknowledged
    assert.deepEqual([cut(3_000)?.tookMs, cut(3_000)?.late], [undefined, false])
    assert.deepEqual([cut(9_000)?.tookMs, cut(9_000)?.late], [undefined, true])
  })

  it('is not laid at the door of the fault that came before it was over', () => {
    const done = [fault('kill-nats', 1_000, { untilMs: 2_000 }), fault('kill-ingest', 2_000)]
    const [, second] = recoveries(done, [...steadily(0, 1_000, 20), ...steadily(9_000, 9_500, 20)])
    assert.equal(second?.acknowledged.tookMs, 7_030)
    assert.equal(second?.acknowledged.late, false)
  })

  it('is not laid at the door of one that excuses nothing and came before it was over', () => {
    const done = [
      fault('kill-nats', 1_000, { untilMs: 5_000 }),
      fault('stop-clickhouse', 5_000, { untilMs: 8_000 }),
      fault('kill-clickhouse', 8_000),
    ]
    const votes = [...steadily(0, 1_000, 20), ...steadily(7_000, 8_000, 20), ...steadily(10_000, 11_000, 20)]
    const late = recoveries(done, votes).map(({ acknowledged }) => acknowledged.late)
    assert.deepEqual(late, [false, false, true])
  })
})

describe('what a viewer was shown', () => {
  it('is a vote as soon as a board holds as many as were acknowledged up to it', () => {
    const board = (atMs: number, total: number): SeenBoard => ({
      atMs,
      version: atMs,
      total,
      totals: [total],
    })
    const attempts = [answered(1, 0, 10), answered(2, 0, 30), answered(3, 0, 20), answered(4, 0, 40)]
    assert.deepEqual(shownVotes(attempts, [board(15, 1), board(35, 3)], EVENT), [
      { acknowledgedAtMs: 10, shownAtMs: 15 },
      { acknowledgedAtMs: 20, shownAtMs: 35 },
      { acknowledgedAtMs: 30, shownAtMs: 35 },
      { acknowledgedAtMs: 40, shownAtMs: undefined },
    ])
  })
})

describe('the service levels', () => {
  const quiet = [[0, 3_000]] as const
  const samples = (attempts: readonly AttemptRecord[], done: readonly DoneFault[], shown?: ShownVote[]) => ({
    recoveries: recoveries(done, attempts, shown),
    attempts,
    shown: shown ?? [],
    quiet,
  })

  it('of a fault that excuses nothing are judged: an acknowledgement that waits for Redis is found', () => {
    const attempts = [...steadily(0, 5_000, 20), ...steadily(5_000, 8_000, 400)]
    const level = acknowledgedLevel(samples(attempts, [fault('stop-redis', 5_000)]))
    assert.deepEqual([level.quietMs, level.boundMs, level.byFault.get('stop-redis')], [20, 80, 400])
    const [only] = judgeLevel('acknowledged', level)
    assert.deepEqual([only?.column, only?.fault], ['late', 'stop-redis'])
  })

  it('count a first try without an acknowledgement as one that took for ever', () => {
    const attempts = [
      ...steadily(0, 5_000, 20),
      ...steadily(5_000, 8_000, 20),
      ...Array.from({ length: 5 }, (_, index) => answered(index, 6_000, 300, { status: 503 })),
    ]
    const level = acknowledgedLevel(samples(attempts, [fault('flushall', 5_000)]))
    assert.equal(level.byFault.get('flushall'), Number.POSITIVE_INFINITY)
    assert.equal(judgeLevel('acknowledged', level).length, 1)
  })

  it('hold against what the machine shows in quiet, where that is slower', () => {
    const attempts = [...steadily(0, 5_000, 100), ...steadily(5_000, 8_000, 350)]
    const level = acknowledgedLevel(samples(attempts, [fault('kill-clickhouse', 5_000)]))
    assert.deepEqual([level.boundMs, judgeLevel('acknowledged', level)], [400, []])
  })

  it('do not judge what a failover excuses, nor what was under way when it began, nor until its time is over', () => {
    const attempts = [
      ...steadily(0, 5_000, 20),
      ...steadily(5_000, 9_000, 3_000),
      ...steadily(11_000, 13_000, 20),
    ]
    const done = [fault('kill-ingest', 5_500, { untilMs: 6_000 }), fault('flushall', 6_000)]
    const level = acknowledgedLevel(samples(attempts, done))
    assert.deepEqual([...level.byFault], [['flushall', 20]])
  })

  it('of boards: one that stands still while ClickHouse is away is found', () => {
    const shown = [...shownSteadily(0, 5_000, 50), ...shownSteadily(5_000, 8_000, 1_500)]
    const attempts = steadily(0, 8_000, 20)
    const level = shownLevel(samples(attempts, [fault('cut-clickhouse', 5_000)], shown))
    assert.equal(level.byFault.get('cut-clickhouse'), 1_500)
    assert.equal(judgeLevel('shown', level).length, 1)
    const excused = shownLevel(samples(attempts, [fault('kill-processor', 5_000)], shown))
    assert.equal(excused.byFault.size, 0)
  })

  it('are not touched, for votes, by anything that befalls Redis, ClickHouse or a processor', () => {
    for (const name of FAULTS) {
      if (/-(redis|clickhouse|processor)$|^flushall$|^redis-/.test(name)) {
        assert.equal(LEVELS[name].acknowledged, 'holds', name)
      }
    }
  })

  it('of a fault in whose middle a process is killed excuse what either of the two excuses', () => {
    assert.equal(levelsOf('clock-ingest', []).acknowledged, 'holds')
    assert.equal(levelsOf('clock-ingest', ['ingest-1']).acknowledged, 'excused')
    assert.equal(levelsOf('full-clickhouse', ['clickhouse']).shown, 'holds')
  })
})

describe('the results by fault', () => {
  const done = [fault('kill-ingest', 1_000, { untilMs: 5_000 }), fault('flushall', 5_000)]
  const attempts = [
    answered(2, 500, 40),
    answered(1, 900, 50),
    answered(2, 1_010, 20),
    answered(1, 1_100, 1_900),
    answered(4, 5_100, 30),
    answered(3, 5_200, 30),
  ]
  const none = { targetMs: 50, quietMs: undefined, boundMs: 50, byFault: new Map() }
  const rowsOf = (violations: Parameters<typeof resultsOf>[0]['violations']) =>
    resultsOf({
      recoveries: recoveries(done, attempts),
      attempts,
      violations,
      acknowledged: none,
      shown: none,
    })

  it('have the worst recovery and the worst p99 of each', () => {
    assert.deepEqual(
      rowsOf([]).map(({ fault: name, runs, recoveryMsMax, p99MsMax }) => [
        name,
        runs,
        recoveryMsMax,
        p99MsMax,
      ]),
      [
        ['(no fault)', 0, undefined, 50],
        ['flushall', 1, 230, 30],
        ['kill-ingest', 1, 2_000, 1_900],
      ],
    )
  })

  it('lay a violation on the fault that came before its vote, or on the one that it names', () => {
    const violation = { column: 'lost', what: '', detail: '', atMs: 1_100 } as const
    const late = { column: 'late', what: '', detail: '', atMs: undefined, fault: 'flushall' } as const
    assert.deepEqual(
      rowsOf([violation, { ...violation, atMs: undefined }, late]).map((row) => [row.lost, row.late]),
      [
        [1, 0],
        [0, 1],
        [1, 0],
      ],
    )
  })
})
