import { setTimeout as pause } from 'node:timers/promises'
import { connectClickhouse } from '@votestream/infra/clickhouse'
import { logPosition, readLogRange } from '@votestream/infra/log-reader'
import { createLogger } from '@votestream/infra/logging'
import { connectNats, type Nats } from '@votestream/infra/nats'
import { connectRedis, redisReady } from '@votestream/infra/redis'
import { allShards, type Shard } from '@votestream/schema/numbers'
import { logMessage, VERDICT } from '@votestream/schema/votes'
import { reconcile } from '../books/reconciliation.js'
import { isExact, judgeBoards } from './board-history.js'
import { type Decided, judge, type LogContents, type LoggedVote, type Violation } from './judgement.js'
import { type AttemptRecord, attemptsOf, readLedger } from './ledger.js'
import type { VotedEvent } from './load.js'
import type { ChaosSystem } from './processes.js'
import type { Viewer } from './viewer.js'

const DRAIN_MS = 60_000
const LOOK_EVERY_MS = 200
const MESSAGES_MAX = 256
const LAST_BOARD_WAIT_MS = 20_000

export interface Proof {
  readonly attempts: readonly AttemptRecord[]
  /** Answers that ended an attempt, by status. */
  readonly answers: Readonly<Record<string, number>>
  readonly violations: readonly Violation[]
}

interface ToProve {
  readonly system: ChaosSystem
  readonly nats: Nats
  readonly ledgerFile: string
  readonly viewer: Viewer
  readonly main: VotedEvent
}

/** What clients were told, what the log holds, what viewers saw and what the books say: all the same, or not. */
export const prove = async ({ system, nats, ledgerFile, viewer, main }: ToProve): Promise<Proof> => {
  const { SHARDS: shards } = system.environment
  const log = await readLogContents(nats, shards)
  const counted = countedOf(log, main.number)
  const untilMs = performance.now() + LAST_BOARD_WAIT_MS
  const isLast = () => {
    const last = viewer.boards.at(-1)
    return last !== undefined && isExact(last, counted)
  }
  while (!isLast() && performance.now() < untilMs) await pause(LOOK_EVERY_MS)
  // From the file, as whoever finds it after a crash would.
  const lines = readLedger(ledgerFile)
  const attempts = attemptsOf(lines)
  const answers: Record<string, number> = {}
  for (const { final } of attempts) {
    const status = String(final?.status ?? 'none')
    answers[status] = (answers[status] ?? 0) + 1
  }
  const violations = [...judge(lines, log), ...judgeBoards(viewer.boards, counted)]
  return { attempts, answers, violations: [...violations, ...(await judgeBooks(system))] }
}

/** Every vote and closing in the log, with what the rules of counting make of each. */
const readLogContents = async (nats: Nats, shards: number): Promise<LogContents> => {
  const parts = await Promise.all(allShards(shards).map((shard) => readShardLog(nats, shard)))
  return {
    shards,
    votes: parts.flatMap(({ votes }) => votes),
    closings: parts.flatMap(({ closings }) => closings),
    decisions: parts.flatMap(({ decisions }) => decisions),
  }
}

const readShardLog = async (nats: Nats, shard: Shard) => {
  const { lastSequence } = await logPosition(nats, shard)
  const ended = new AbortController()
  const votes: { -readonly [Key in keyof LoggedVote]: LoggedVote[Key] }[] = []
  const decisions: Decided[] = []
  const closings: { shard: number; event: number }[] = []
  const voted = new Map<string, { outcome: LoggedVote['outcome'] }>()
  const closed = new Set<number>()
  const range = { nats, shard, fromSequence: 1, toSequence: lastSequence, batchMax: MESSAGES_MAX }
  for await (const entries of readLogRange({ ...range, signal: ended.signal })) {
    for (const { sequence, data } of entries) {
      const message = logMessage.decode(data)
      for (const { event, voter, contestant, flags, ackedAtMs } of message.votes) {
        const name = `${event}.${voter}`
        const isRejected = flags !== 0 || closed.has(event)
        const outcome = voted.has(name) ? 'superseded' : isRejected ? 'rejected' : 'counted'
        const vote: (typeof votes)[number] = { shard, sequence, event, voter, contestant, outcome, ackedAtMs }
        if (!voted.has(name)) voted.set(name, vote)
        votes.push(vote)
      }
      for (const { event } of message.closings) {
        closed.add(event)
        closings.push({ shard, event })
      }
      for (const { event, voter, verdict } of message.decisions) {
        const admits = verdict === VERDICT.admit
        decisions.push({ event, voter, verdict: admits ? 'admit' : 'reject' })
        const vote = voted.get(`${event}.${voter}`)
        if (vote) vote.outcome = admits ? 'counted' : 'rejected'
      }
    }
  }
  ended.abort()
  return { votes, closings, decisions }
}

/** How many counted votes each contestant of an event has. */
const countedOf = ({ votes }: LogContents, event: number): ReadonlyMap<number, number> => {
  const counted = new Map<number, number>()
  for (const vote of votes) {
    if (vote.event !== event || vote.outcome !== 'counted') continue
    counted.set(vote.contestant, (counted.get(vote.contestant) ?? 0) + 1)
  }
  return counted
}

/** The books, once both sinks have drained: Redis, ClickHouse, its windows and a replay, laid side by side. */
const judgeBooks = async (system: ChaosSystem): Promise<Violation[]> => {
  const { direct, environment, secrets } = system
  const logger = createLogger('chaos', 'silent')
  const nats = await connectNats({ ...direct.nats, name: 'chaos-books', logger })
  const redis = connectRedis({ ...direct.redis, name: 'chaos-books', logger })
  const clickhouse = connectClickhouse({
    url: direct.clickHouseUrl,
    user: environment.CLICKHOUSE_USER,
    password: secrets.clickHousePassword,
  })
  const found = (what: string, detail: string): Violation => ({
    column: 'other',
    what,
    atMs: undefined,
    detail,
  })
  try {
    await redisReady(redis, DRAIN_MS)
    const { events, shards } = await reconcile({ nats, redis, clickhouse, waitMs: DRAIN_MS })
    const differences = events.flatMap((event) => event.differences)
    // Nobody writes anything here that cannot be counted.
    const dead = shards.filter(({ letters }) => letters && (letters.log > 0 || letters.letters > 0))
    return [
      ...differences.map((difference) => found('the books do not balance', JSON.stringify(difference))),
      ...dead.map((shard) => found('something in the log is dead', JSON.stringify(shard))),
    ]
  } catch (error) {
    return [found('the sinks did not drain', String(error))]
  } finally {
    redis.disconnect()
    await clickhouse.close()
    await nats.close()
  }
}
