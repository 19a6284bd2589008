import assert from 'node:assert/strict'
import { eventNumber, type VoterNumber } from '@votestream/schema/numbers'
import { createReplay } from '@votestream/schema/replay'
import fc from 'fast-check'
import {
  type ArchiveEntry,
  type DeadRow,
  type DecisionRow,
  type LogRow,
  partitionRuns,
  rowTimeMs,
} from '../../src/archive/archive-rows.js'
import { type ArchiveState, createArchiveState } from '../../src/archive/archive-state.js'
import { encodeDeadRows, encodeDecisionRows, encodeLogRows } from '../../src/archive/row-binary.js'
import { entryOf, FIRST_MS, randomLog, vote } from './random-log.js'

const SHARDS = 2
const MINUTE_MS = 60_000

/** ClickHouse as far as the archive uses it: rows by key, windows by key with the highest sequence. */
const createTables = () => {
  const rows = new Map<string, LogRow>()
  const decisions = new Map<string, DecisionRow>()
  const dead = new Map<string, DeadRow>()
  const windows = new Map<string, { votes: number; sequence: number }>()
  let checkpoint = 0
  const sorted = <Row>(table: ReadonlyMap<string, Row>) => [...table].sort(([a], [b]) => (a < b ? -1 : 1))
  return {
    windows,
    checkpoint: () => checkpoint,
    insertRows(inserted: readonly LogRow[]) {
      for (const row of inserted) rows.set(`${row.sequence}/${row.position}`, row)
    },
    insertDecisions(inserted: readonly DecisionRow[]) {
      for (const row of inserted) decisions.set(`${row.sequence}/${row.position}`, row)
    },
    insertDead(inserted: readonly DeadRow[]) {
      for (const row of inserted) dead.set(`${row.sequence}/${row.position}`, row)
    },
    insertWindows(batch: ReturnType<ArchiveState['advance']>) {
      for (const { event, contestant, minuteMs, votes } of batch.windows) {
        const key = `${minuteMs}/${event}/${contestant}`
        const stored = windows.get(key)
        if (!stored || stored.sequence <= batch.position.sequence) {
          windows.set(key, { votes, sequence: batch.position.sequence })
        }
      }
      checkpoint = Math.max(checkpoint, batch.position.sequence)
    },
    load(): ArchiveState {
      const state = createArchiveState(SHARDS)
      const archived = [...rows.values()].filter((row) => row.sequence <= checkpoint)
      for (const row of archived) if (row.kind === 'closing') state.restoreClosing(row.closing.event)
      for (const row of archived) if (row.kind === 'vote') state.restoreVoter(row.vote.event, row.vote.voter)
      for (const [key, { votes }] of windows) {
        const [minuteMs = 0, event = 0, contestant = 0] = key.split('/').map(Number)
        const total = { minuteMs, event: eventNumber(event), contestant: contestant as never, votes }
        state.restoreWindow(total)
      }
      return state
    },
    contents: () => ({
      rows: sorted(rows),
      decisions: sorted(decisions),
      dead: sorted(dead),
      windows: [...windows].map(([key, { votes }]) => [key, votes] as const).sort(),
    }),
  }
}

const CRASHES = [
  'before the rows',
  'after some rows',
  'after the rows',
  'after the decisions',
  'after the dead',
  'after the windows',
  'none',
] as const

/** Archives a log in batches of these sizes; after a crash somebody begins again from the tables. */
const archive = (
  log: readonly ArchiveEntry[],
  steps: readonly { size: number; crash: (typeof CRASHES)[number] }[],
) => {
  const tables = createTables()
  let state = tables.load()
  let next = 0
  for (let index = 0; next < log.length; index += 1) {
    const { size, crash } = steps[index] ?? { size: log.length, crash: 'none' as const }
    const batch = state.advance(log.slice(next, next + size))
    const reaches = (step: (typeof CRASHES)[number]) => CRASHES.indexOf(crash) >= CRASHES.indexOf(step)
    const runs = partitionRuns(batch.rows)
    for (const run of reaches('after the rows') ? runs : runs.slice(0, 1)) {
      if (reaches('after some rows')) tables.insertRows(run)
    }
    if (reaches('after the decisions')) tables.insertDecisions(batch.decisions)
    if (reaches('after the dead')) tables.insertDead(batch.dead)
    if (reaches('after the windows')) tables.insertWindows(batch)
    if (crash !== 'none') state = tables.load()
    next = tables.checkpoint()
  }
  return tables
}

const stepsArbitrary = fc.array(
  fc.record({ size: fc.integer({ min: 1, max: 5 }), crash: fc.constantFrom(...CRASHES) }),
  { maxLength: 30 },
)

describe('The state of the archive', () => {
  it('makes the same tables however the log is cut and wherever the process dies', () => {
    fc.assert(
      fc.property(randomLog(), stepsArbitrary, (log, steps) => {
        assert.deepEqual(archive(log, steps).contents(), archive(log, []).contents())
      }),
      { numRuns: 300 },
    )
  })

  it('counts in its windows exactly what a plain replay counts that hears of no decisions', () => {
    fc.assert(
      fc.property(randomLog(), stepsArbitrary, (log, steps) => {
        const replay = createReplay()
        for (const { message } of log) replay.apply({ ...message, decisions: [] })
        const expected = new Map<string, number>()
        for (const [event, { windows }] of replay.books) {
          for (const [startMs, totals] of windows) {
            for (const [contestant, votes] of totals) {
              const key = `${startMs - (startMs % MINUTE_MS)}/${event}/${contestant}`
              expected.set(key, (expected.get(key) ?? 0) + votes)
            }
          }
        }
        const found = [...archive(log, steps).windows].map(([key, { votes }]) => [key, votes])
        assert.deepEqual(found.sort(), [...expected].sort())
      }),
      { numRuns: 300 },
    )
  })

  it('makes of every entry, decision and dead entry one row, with a place of its own', () => {
    fc.assert(
      fc.property(randomLog(), stepsArbitrary, (log, steps) => {
        const { rows, decisions, dead } = archive(log, steps).contents()
        const count = (of: (message: ArchiveEntry['message']) => number) =>
          log.reduce((sum, { message }) => sum + of(message), 0)
        assert.equal(
          rows.length,
          count(({ votes, closings, takeover }) => votes.length + closings.length + (takeover ? 1 : 0)),
        )
        assert.equal(
          decisions.length,
          count((message) => message.decisions.length),
        )
        assert.equal(
          dead.length,
          count((message) => message.dead.length),
        )
        // A decision stands behind the votes of its own message.
        const places = new Set(rows.map(([place]) => place))
        for (const [place] of decisions) assert.ok(!places.has(place), `${place} is taken`)
      }),
    )
  })

  it('makes batches that do not change when it moves on', () => {
    fc.assert(
      fc.property(randomLog(), randomLog(), (first, second) => {
        const state = createArchiveState(SHARDS)
        const { windows } = state.advance(first)
        const before = structuredClone(windows)
        state.advance(second)
        assert.deepEqual(windows, before)
      }),
    )
  })

  it('counts a vote whose time goes back in the window that is open', () => {
    const state = createArchiveState(SHARDS)
    const entry = (sequence: number, voter: number, ackedAtMs: number): ArchiveEntry =>
      entryOf(sequence, { votes: [vote({ event: eventNumber(1), voter: voter as VoterNumber, ackedAtMs })] })
    state.advance([entry(1, 2, FIRST_MS + 60_000)])
    const { windows } = state.advance([entry(2, 4, FIRST_MS)])
    assert.deepEqual(windows, [{ event: 1, contestant: 0, minuteMs: FIRST_MS + 60_000, votes: 2 }])
  })
})

describe('The rows of the archive', () => {
  it('are cut so that each insert stays within one month, and none is lost or moved', () => {
    fc.assert(
      fc.property(randomLog(), (log) => {
        const { rows } = createArchiveState(SHARDS).advance(log)
        const runs = partitionRuns(rows)
        assert.deepEqual(runs.flat(), rows)
        for (const run of runs) {
          assert.equal(new Set(run.map((row) => new Date(rowTimeMs(row)).toISOString().slice(0, 7))).size, 1)
        }
      }),
    )
  })

  it('hold whatever numbers stand in fields that nobody counts by', () => {
    const odd = vote({
      event: eventNumber(1),
      voter: 2 as VoterNumber,
      channel: 2 ** 32 - 1,
      attempt: 2 ** 64,
      clientTimestampMs: 2 ** 64,
    })
    const decision = {
      event: eventNumber(1),
      voter: 2 as VoterNumber,
      contestant: 0 as never,
      votedAtMs: FIRST_MS,
      verdict: 1,
      decidedAtMs: 2 ** 64,
      decidedBy: (2 ** 64) as never,
    }
    // A damaged message: more in it that is dead than any sound one has entries.
    const empty = Uint8Array.from(Array.from({ length: 70_000 }, () => [18, 0]).flat())
    const source = { shard: 0 as never, generation: 'g' }
    const log = [
      entryOf(1, { votes: [odd], decisions: [decision] }),
      entryOf(2, Uint8Array.from([8, 1, ...empty])),
    ]
    const { rows, decisions, dead } = createArchiveState(SHARDS).advance(log)
    assert.deepEqual([rows.length, decisions.length, dead.length], [1, 1, 70_000])
    encodeLogRows(source, rows)
    encodeDecisionRows(source, decisions)
    encodeDeadRows(source, dead)
  })
})
