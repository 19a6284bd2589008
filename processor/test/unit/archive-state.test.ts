import assert from 'node:assert/strict'
import { eventNumber, type VoterNumber } from '@votestream/schema/numbers'
import { createReplay } from '@votestream/schema/replay'
import fc from 'fast-check'
import { type ArchiveEntry, type LogRow, partitionRuns, rowTimeMs } from '../../src/archive/archive-rows.js'
import { type ArchiveState, createArchiveState } from '../../src/archive/archive-state.js'
import { FIRST_MS, randomLog, vote } from './random-log.js'

const SHARDS = 2

/** ClickHouse as far as the archive uses it: rows by key, windows by key with the highest sequence. */
const createTables = () => {
  const rows = new Map<string, LogRow>()
  const windows = new Map<string, { votes: number; sequence: number }>()
  let checkpoint = 0
  return {
    rows,
    windows,
    checkpoint: () => checkpoint,
    insertRows(inserted: readonly LogRow[]) {
      for (const row of inserted) rows.set(`${row.sequence}/${row.position}`, row)
    },
    insertWindows(batch: ReturnType<ArchiveState['advance']>) {
      for (const { event, contestant, minuteMs, votes } of batch.windows) {
        const key = `${minuteMs}/${event}/${contestant}`
        const stored = windows.get(key)
        if (!stored || stored.sequence <= batch.lastSequence) {
          windows.set(key, { votes, sequence: batch.lastSequence })
        }
      }
      checkpoint = Math.max(checkpoint, batch.lastSequence)
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
      rows: [...rows].sort(([a], [b]) => (a < b ? -1 : 1)),
      windows: [...windows].map(([key, { votes }]) => [key, votes] as const).sort(),
    }),
  }
}

const CRASHES = ['none', 'before the rows', 'after some rows', 'after the rows', 'after the windows'] as const

/** Archives a log in batches of these sizes; after a crash somebody begins again from the tables. */
const archive = (log: readonly ArchiveEntry[], steps: readonly { size: number; crash: string }[]) => {
  const tables = createTables()
  let state = tables.load()
  let next = 0
  for (let index = 0; next < log.length; index += 1) {
    const { size, crash } = steps[index] ?? { size: log.length, crash: 'none' }
    const batch = state.advance(log.slice(next, next + size))
    const runs = crash === 'before the rows' ? [] : partitionRuns(batch.rows)
    for (const run of crash === 'after some rows' ? runs.slice(0, 1) : runs) tables.insertRows(run)
    if (crash === 'none' || crash === 'after the windows') tables.insertWindows(batch)
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

  it('counts in its windows exactly what a plain replay counts', () => {
    fc.assert(
      fc.property(randomLog(), stepsArbitrary, (log, steps) => {
        const replay = createReplay()
        for (const { message } of log) replay.apply(message)
        const expected = new Map<string, number>()
        for (const [event, { totals }] of replay.books) {
          for (const [contestant, votes] of totals) expected.set(`${event}/${contestant}`, votes)
        }
        const sums = new Map<string, number>()
        for (const [key, { votes }] of archive(log, steps).windows) {
          const [, event, contestant] = key.split('/')
          sums.set(`${event}/${contestant}`, (sums.get(`${event}/${contestant}`) ?? 0) + votes)
        }
        assert.deepEqual([...sums].sort(), [...expected].sort())
      }),
      { numRuns: 300 },
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
    const entry = (sequence: number, voter: number, ackedAtMs: number): ArchiveEntry => ({
      sequence,
      storedAtMs: 0,
      message: {
        votes: [vote({ event: eventNumber(1), voter: voter as VoterNumber, ackedAtMs })],
        closings: [],
        takeover: null,
        decisions: [],
      },
    })
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
})
