import assert from 'node:assert/strict'
import { judgeBoards, type SeenBoard } from '../../src/chaos/board-history.js'
import { judge, type LogContents, type LoggedVote } from '../../src/chaos/judgement.js'
import { attemptsOf, type LedgerLine, parseLedger } from '../../src/chaos/ledger.js'

type AnswerGiven = { status: number; code?: string; voteId?: string; atMs?: number }

/** One attempt as the ledger has it: its line, then a line for each answer. */
const attempted = (
  voter: number,
  answers: readonly AnswerGiven[],
  { contestant = 1, event = 1, atMs = 1_000 } = {},
): LedgerLine[] => {
  const key = `${event}.${voter}.${contestant}`
  const voteId = `vote-${event}-${voter}`
  return [
    { kind: 'attempt', key, event, voter, contestant, voteId, second: false, atMs },
    ...answers.map((answer): LedgerLine => {
      const isNamed = answer.status === 200 || answer.status === 409
      const code = answer.status === 409 ? 'DUPLICATE_VOTE' : ''
      const told = { code, voteId: isNamed ? voteId : '', atMs: atMs + 10, ...answer }
      return { kind: 'answer', key, via: 'rest', sentAtMs: atMs, ...told }
    }),
  ]
}

const vote = (voter: number, given: Partial<LoggedVote> = {}): LoggedVote => ({
  shard: voter % 2,
  sequence: voter,
  event: 1,
  voter,
  contestant: 1,
  outcome: 'counted',
  ackedAtMs: 1_005,
  ...given,
})
const logOf = (...votes: LoggedVote[]): LogContents => ({ shards: 2, votes, closings: [], decisions: [] })
const found = (lines: readonly LedgerLine[], log: LogContents) =>
  judge(lines, log).map(({ column, what }) => `${column}: ${what}`)

const decision = (name: string, verdict: 'reject' | 'admit'): LedgerLine => ({
  kind: 'decision',
  name,
  event: 1,
  voter: 1,
  verdict,
  atMs: 2_000,
})

const CLOSED = { status: 403, code: 'VOTING_CLOSED' }
const closing: LedgerLine = { kind: 'closing', event: 1, atMs: 0 }

describe('the judgement over answers and the log', () => {
  it('finds nothing where everybody was told the truth', () => {
    const lines = [
      closing,
      ...attempted(1, [{ status: 200 }]),
      ...attempted(1, [{ status: 409 }], { contestant: 2 }),
      ...attempted(2, [{ status: 0 }, { status: 503 }, { status: 200 }]),
      ...attempted(3, [CLOSED]),
    ]
    assert.deepEqual(found(lines, logOf(vote(1), vote(2))), [])
  })

  it('finds a vote answered 200 that is not in the log, or does not count', () => {
    const lines = attempted(1, [{ status: 200 }])
    assert.deepEqual(found(lines, logOf()), ['lost: 200 and not in the log'])
    assert.deepEqual(found(lines, logOf(vote(1, { outcome: 'rejected' }))), ['lost: 200 and rejected'])
  })

  it('finds a voter who is in the log twice, or was answered 200 twice', () => {
    const lines = [...attempted(1, [{ status: 200 }]), ...attempted(1, [{ status: 409 }], { contestant: 2 })]
    const twice = logOf(vote(1), vote(1, { sequence: 9, outcome: 'superseded' }))
    assert.deepEqual(found(lines, twice), ['doubled: in the log twice'])
    const both = [...attempted(1, [{ status: 200 }]), ...attempted(1, [{ status: 200 }], { contestant: 2 })]
    assert.ok(found(both, logOf(vote(1))).includes('doubled: two attempts answered 200'))
  })

  it('finds an attempt that nobody ever answered', () => {
    assert.deepEqual(found(attempted(1, [{ status: 503 }]), logOf()), ['stuck: an attempt without an answer'])
    assert.deepEqual(found(attempted(1, []), logOf(vote(1))), ['stuck: an attempt without an answer'])
  })

  it('finds a 409 without a logged vote, and one for the very attempt that is logged', () => {
    const lines = attempted(1, [{ status: 409 }])
    assert.deepEqual(found(lines, logOf()), ['lost: 409 without a logged vote'])
    assert.deepEqual(found(lines, logOf(vote(1))), ["other: 409 for the logged vote's own attempt"])
  })

  it('lets a repeat be called a duplicate when its first try is long ago', () => {
    const lines = attempted(1, [{ status: 0 }, { status: 409, atMs: 40_000 }])
    assert.deepEqual(found(lines, logOf(vote(1))), [])
  })

  it('finds another vote_id than the vote has', () => {
    const first = attempted(1, [{ status: 200, voteId: 'x' }])
    assert.deepEqual(found(first, logOf(vote(1))), ['other: 200 with another vote_id'])
    const second = attempted(1, [{ status: 409, voteId: 'x' }], { contestant: 2 })
    assert.ok(found(second, logOf(vote(1))).includes('other: 409 with another vote_id'))
  })

  it('finds a vote that was acknowledged at a time when it was not under way', () => {
    const lines = attempted(1, [{ status: 200 }])
    for (const ackedAtMs of [7_201_000, -3_600_000]) {
      const words = 'other: acknowledged at a time that it was not under way'
      assert.deepEqual(found(lines, logOf(vote(1, { ackedAtMs }))), [words])
    }
  })

  it('finds a vote that was finally refused and is in the log', () => {
    const lines = [closing, ...attempted(1, [CLOSED])]
    assert.deepEqual(found(lines, logOf(vote(1))), ['other: finally refused and in the log'])
  })

  it('finds a refusal that has no reason: a closing nobody asked for, an unknown event, an invalid token', () => {
    for (const answer of [CLOSED, { status: 404, code: 'EVENT_NOT_FOUND' }, { status: 401, code: 'X' }]) {
      const [only] = found(attempted(1, [answer]), logOf())
      assert.equal(only, `other: wrongly refused: ${answer.status} ${answer.code}`)
    }
  })

  it('finds a vote in the log that nobody sent', () => {
    assert.deepEqual(found([], logOf(vote(1))), ['other: in the log and never sent'])
    const lines = attempted(1, [{ status: 409 }], { contestant: 2 })
    assert.deepEqual(found(lines, logOf(vote(1))), ['other: in the log and never sent'])
  })

  it('finds a closing that was answered and is not in every shard', () => {
    const closed: LedgerLine = { kind: 'closed', event: 1, atMs: 0 }
    const inOne = { ...logOf(), closings: [{ shard: 0, event: 1 }] }
    assert.deepEqual(found([closing, closed], inOne), ['lost: a closing answered and not in the log'])
  })

  it('knows operators: a vote that they reject is not lost, and one that they did not is', () => {
    const lines = [...attempted(1, [{ status: 200 }]), decision('a', 'reject')]
    const rejected = logOf(vote(1, { outcome: 'rejected' }))
    const decided = { ...rejected, decisions: [{ event: 1, voter: 1, verdict: 'reject' as const }] }
    assert.deepEqual(found(lines, decided), [])
    const admitted = [...attempted(1, [{ status: 200 }]), decision('a', 'admit')]
    assert.deepEqual(found(admitted, rejected), ['lost: 200 and rejected'])
  })

  it('finds a decision that was answered and is not in the log, and one there that nobody made', () => {
    const lines = [...attempted(1, [{ status: 200 }]), decision('a', 'reject')]
    assert.deepEqual(found(lines, logOf(vote(1))), [])
    const answered: LedgerLine = { kind: 'decided', name: 'a', atMs: 3_000 }
    assert.deepEqual(found([...lines, answered], logOf(vote(1))), [
      'lost: a decision answered and not in the log',
    ])
    const strange = { ...logOf(vote(1)), decisions: [{ event: 1, voter: 1, verdict: 'admit' as const }] }
    assert.deepEqual(found(lines, strange), ['other: a decision in the log that nobody made'])
  })

  it('finds a closing that nobody asked for', () => {
    const early = { ...logOf(), closings: [{ shard: 0, event: 1 }] }
    assert.deepEqual(found([], early), ['other: closed by nobody'])
    assert.deepEqual(found([closing], early), [])
  })
})

describe('the ledger', () => {
  it('is readable up to its last whole line, wherever its writer died', () => {
    const lines = attempted(1, [{ status: 200 }])
    const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('')
    for (let length = 0; length <= text.length; length += 1) {
      const read = parseLedger(text.slice(0, length))
      assert.deepEqual(read, lines.slice(0, read.length))
    }
    assert.deepEqual(parseLedger(text), lines)
  })

  it('takes the first answer that ends an attempt as its answer', () => {
    const [record] = attemptsOf(attempted(1, [{ status: 0 }, { status: 503 }, { status: 200 }]))
    assert.equal(record?.final?.status, 200)
    assert.equal(record?.answers.length, 3)
  })
})

describe('the judgement over boards', () => {
  const board = (version: number, ...totals: number[]): SeenBoard => {
    const total = totals.reduce((sum, votes) => sum + votes, 0)
    return { atMs: version, version, total, totals }
  }
  const counted = new Map([
    [0, 2],
    [1, 1],
  ])
  const what = (boards: readonly SeenBoard[]) =>
    judgeBoards(boards, counted).map((violation) => violation.what)

  it('finds nothing in boards that only grow, to what was counted', () => {
    assert.deepEqual(what([board(1, 0, 0), board(2, 1, 1), board(2, 1, 1), board(5, 2, 1)]), [])
  })

  it('finds a version or a total that went back', () => {
    assert.deepEqual(what([board(3, 1, 1), board(2, 1, 1), board(5, 2, 1)]), ['a board went back'])
    assert.deepEqual(what([board(1, 1, 1), board(2, 2, 0), board(5, 2, 1)]), ['a board went back'])
  })

  it('finds a last board that lacks a vote, a sum that is wrong, and that there was no board', () => {
    assert.deepEqual(what([board(4, 1, 1)]), ['the last board is not exact'])
    assert.deepEqual(what([{ ...board(4, 2, 0), total: 3 }, board(5, 2, 1)]), ['a board does not add up'])
    assert.deepEqual(what([]), ['no board was seen'])
  })
})
