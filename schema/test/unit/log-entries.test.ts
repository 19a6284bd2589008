import assert from 'node:assert/strict'
import { NO_EVENT, readLogMessage } from '../../src/log-entries.js'
import type { ContestantIndex, EventNumber, Shard, VoterNumber } from '../../src/numbers.js'
import { createReplay } from '../../src/replay.js'
import {
  type Decision,
  type LogMessage,
  logMessage,
  UnknownVersionError,
  VERDICT,
  type Vote,
} from '../../src/votes.js'

const SHARDS = 2
const SHARD = 0 as Shard
const EVENT = 7 as EventNumber
const AT_MS = Date.UTC(2026, 5, 1)

const vote = (voter: number, fields: Partial<Vote> = {}): Vote => ({
  event: EVENT,
  voter: voter as VoterNumber,
  contestant: 0 as ContestantIndex,
  attempt: 1,
  ackedAtMs: AT_MS,
  flags: 0,
  clientTimestampMs: 0,
  deviceId: '',
  appVersion: '',
  channel: 1,
  traceId: '',
  ...fields,
})

const decision = (voter: number, verdict: number, fields: Partial<Decision> = {}): Decision => ({
  event: EVENT,
  voter: voter as VoterNumber,
  contestant: 0 as ContestantIndex,
  votedAtMs: AT_MS,
  verdict,
  decidedAtMs: AT_MS + 1,
  decidedBy: 1 as VoterNumber,
  ...fields,
})

const message = (fields: Partial<LogMessage>): LogMessage => ({
  votes: [],
  closings: [],
  takeover: null,
  decisions: [],
  ...fields,
})

const read = (fields: Partial<LogMessage>) =>
  readLogMessage(logMessage.encode(message(fields)), SHARD, SHARDS)

describe('reading a message of the log', () => {
  it('gives what stands in it', () => {
    const fields = {
      votes: [vote(2), vote(4)],
      closings: [{ event: EVENT, closedAtMs: AT_MS }],
      decisions: [decision(2, VERDICT.reject)],
    }
    const { votes, closings, decisions, dead } = read(fields)
    assert.deepEqual(
      [votes.map(({ voter }) => voter), closings.length, decisions.map(({ voter }) => voter), dead],
      [[2, 4], 1, [2], []],
    )
  })

  for (const [what, bad] of Object.entries({
    'a vote of another shard': { votes: [vote(2), vote(3)] },
    'a vote of nobody': { votes: [vote(2), vote(0)] },
    'a vote for a contestant that cannot be': {
      votes: [vote(2), vote(4, { contestant: 500 as ContestantIndex })],
    },
    'a vote at no time': { votes: [vote(2), vote(4, { ackedAtMs: 0 })] },
    'a decision without a verdict': { votes: [vote(2)], decisions: [decision(2, 3)] },
    'a decision of another shard': { votes: [vote(2)], decisions: [decision(3, VERDICT.admit)] },
    'a closing at no time': { votes: [vote(2)], closings: [{ event: EVENT, closedAtMs: 0 }] },
  })) {
    it(`sets ${what} aside, and takes nothing else with it`, () => {
      const { votes, closings, decisions, dead } = read(bad)
      assert.deepEqual([votes.map(({ voter }) => voter), closings, decisions], [[2], [], []])
      assert.deepEqual(
        dead.map(({ event }) => event),
        [EVENT],
      )
    })
  }

  it('sets a vote in no event aside under no event', () => {
    assert.deepEqual(
      read({ votes: [vote(2, { event: 0 as EventNumber })] }).dead.map(({ event }) => event),
      [NO_EVENT],
    )
  })

  it('takes bytes that are no message for one dead entry', () => {
    const { votes, dead } = readLogMessage(Buffer.from([0x08, 0x01, 0x12, 0x7f, 0x00]), SHARD, SHARDS)
    assert.deepEqual([votes, dead.map(({ event }) => event)], [[], [NO_EVENT]])
  })

  it('takes what says no version for dead, not for a newer writer', () => {
    for (const bytes of [Buffer.alloc(0), Buffer.from('  '), Buffer.from('@@')]) {
      assert.deepEqual(
        readLogMessage(bytes, SHARD, SHARDS).dead.map(({ event }) => event),
        [NO_EVENT],
      )
    }
  })

  it('refuses a message of a newer writer instead', () => {
    // Field 1, a varint: version 3.
    assert.throws(() => readLogMessage(Buffer.from([0x08, 0x03]), SHARD, SHARDS), UnknownVersionError)
  })

  it('has decisions only in a version that a reader without them refuses', () => {
    const version = (fields: Partial<LogMessage>) => logMessage.encode(message(fields))[1]
    assert.deepEqual(
      [version({ votes: [vote(2)] }), version({ decisions: [decision(2, VERDICT.admit)] })],
      [1, 2],
    )
  })
})

describe('the replay of decisions', () => {
  const replayed = (...messages: Partial<LogMessage>[]) => {
    const replay = createReplay()
    for (const fields of messages) replay.apply(read(fields))
    const { entries, counted, rejected, superseded, dead, windows } = replay.books.get(EVENT) ?? assert.fail()
    const inWindows = [...windows.values()]
      .flatMap((totals) => [...totals.values()])
      .reduce((a, b) => a + b, 0)
    assert.equal(entries, counted + rejected + superseded + dead)
    assert.equal(inWindows, counted)
    return [entries, counted, rejected, superseded, dead]
  }
  const reject = { decisions: [decision(2, VERDICT.reject)] }
  const admit = { decisions: [decision(2, VERDICT.admit)] }

  it('the last decision stands', () => {
    assert.deepEqual(replayed({ votes: [vote(2), vote(4)] }, reject), [2, 1, 1, 0, 0])
    assert.deepEqual(replayed({ votes: [vote(2), vote(4)] }, reject, admit), [2, 2, 0, 0, 0])
  })

  it('said twice, a decision is said once', () => {
    assert.deepEqual(replayed({ votes: [vote(2)] }, reject, reject), [1, 0, 1, 0, 0])
    assert.deepEqual(replayed({ votes: [vote(2)] }, admit), [1, 1, 0, 0, 0])
  })

  it('a flagged vote, and one behind the closing, can be admitted', () => {
    assert.deepEqual(replayed({ votes: [vote(2, { flags: 1 })] }, admit), [1, 1, 0, 0, 0])
    const closing = { closings: [{ event: EVENT, closedAtMs: AT_MS }] }
    assert.deepEqual(replayed(closing, { votes: [vote(2)] }, admit), [1, 1, 0, 0, 0])
  })

  it("a decision about nobody's vote changes nothing, also for a vote that comes later", () => {
    assert.deepEqual(replayed(reject, { votes: [vote(2)] }), [1, 1, 0, 0, 0])
  })

  it('a voter whose vote was rejected has voted all the same', () => {
    assert.deepEqual(replayed({ votes: [vote(2)] }, reject, { votes: [vote(2)] }), [2, 0, 1, 1, 0])
  })

  it('counts what is dead', () => {
    assert.deepEqual(replayed({ votes: [vote(2), vote(3)] }), [2, 1, 0, 0, 1])
  })
})
