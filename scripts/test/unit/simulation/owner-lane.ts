import { createDecisionDesk, type DecisionDesk } from '@votestream/ingest/decision-desk'
import {
  type AppendResult,
  createGroupCommit,
  type LookResult,
  type Step,
  TAKEOVER_RECORDS,
} from '@votestream/ingest/group-commit'
import { bytesOf, type Item, messageOf, settleStored } from '@votestream/ingest/lane-items'
import {
  createShardOwner,
  type OwnerState,
  type PendingVote,
  type ShardOwner,
} from '@votestream/ingest/shard-owner'
import { decideSubmissions } from '@votestream/ingest/submissions'
import type { EventNumber, Shard } from '@votestream/schema/numbers'
import type { Closing, Decision, Outcome, Vote } from '@votestream/schema/votes'
import { type Ask, type Knowledge, takeOver } from './owner-takeover.js'
import type { Process } from './process.js'
import { EVENTS, type World } from './world.js'

/** The work of a shard's owner, as the gateways see it. */
export interface OwnerLane {
  readonly process: Process
  submit(votes: readonly Vote[], respond: (outcomes: readonly Outcome[] | null) => void): void
  close(event: EventNumber, respond: () => void): void
  decide(request: Decision, respond: (decided: boolean) => void): void
  /** Takes nothing new, finishes what is under way, and ends. */
  drain(ended: () => void): void
  /** Ends: what is under way is not decided here. */
  stop(): void
}

const ANSWER_TIMEOUT_MS = 1_000
const AGAIN_MS = 100
const DRAIN_MS = 2_000
const CLOSINGS_EVERY_MS = 200

/** Begins to own a shard: learns what must be known, then works. `failed` is told when that comes to an end. */
export const startOwnerLane = (
  world: World,
  process: Process,
  shard: Shard,
  failed: () => void,
): OwnerLane => {
  const { shards, planted, checks } = world
  const { broker, owners } = shards[shard] as World['shards'][number]
  let stopped = false
  let owner: ShardOwner | undefined
  let desk: DecisionDesk | undefined
  let machine: ReturnType<typeof createGroupCommit<Item>> | undefined
  const closing = new Map<EventNumber, { done: boolean; readonly waiting: (() => void)[] }>()
  const pendingVoters = new Set<string>()
  const hand = process.handOfThisLife()

  const ask: Ask = (serve, told) =>
    process.ask(ANSWER_TIMEOUT_MS, serve, (answer) => {
      if (!stopped) told(answer)
    })

  const end = (): void => {
    if (stopped) return
    stopped = true
    owners.delete(lane)
    owner?.abandon()
    desk?.abandon()
    failed()
  }

  const report = (step: Step<Item>, result: AppendResult | LookResult): void => {
    if (!machine || !owner) return
    const stored =
      step.do === 'append'
        ? machine.appended(step.batch, result as AppendResult)
        : machine.looked(step.batch, result as LookResult)
    if (stopped) return
    process.mayDieHere()
    for (const { items } of stored) {
      if (planted !== 'answers before the append is confirmed') settleStored(owner, items)
      else for (const item of items) if (item.is !== 'vote') settleStored(owner, [item])
      for (const item of items) {
        if (item.is === 'vote') pendingVoters.delete(`${item.pending.vote.event}.${item.pending.vote.voter}`)
      }
    }
    if (machine.lost) end()
    else run()
  }

  const execute = (step: Step<Item>): void => {
    process.mayDieHere()
    const { batch } = step
    const unknown = planted === 'takes an unknown append for a stored one' ? 'stored' : 'unknown'
    const told = (result: AppendResult | LookResult | undefined): void => {
      if (result) report(step, result)
      else process.later(AGAIN_MS, () => report(step, step.do === 'append' ? unknown : 'unknown'))
    }
    if (step.do === 'look') ask(() => broker.look(batch.id, batch.expected), told)
    else {
      const message = messageOf(batch.items)
      const expected = planted === 'appends without the fence' ? undefined : batch.expected
      ask(() => broker.append(batch.id, message, expected), told)
    }
  }

  const run = (): void => {
    for (let step = machine?.next(); step && !stopped; step = machine?.next()) execute(step)
  }

  const add = (item: Item): void => {
    machine?.add(item)
    process.later(0, run)
  }

  const begin = ({ state, lastSequence, learnAttempts }: Knowledge): void => {
    const current = createShardOwner(state)
    owner = current
    desk = createDecisionDesk(state)
    machine = createGroupCommit<Item>({
      lastSequence,
      newId: () => `batch-${world.newNumber()}`,
      batchItemsMax: 10,
      batchBytesMax: 100_000,
      bytesOf,
    })
    const settle = (): void => {
      owners.add(lane)
      closeInTime(state)
      if (state.attemptsKnown) return
      if (planted === 'forgets the attempts of before the takeover') {
        current.attemptsLearned()
        return
      }
      learnAttempts(() => current.attemptsLearned())
    }
    const record = (left: number): void =>
      add({
        is: 'takeover',
        owner: process.name,
        settle: left === 1 ? settle : () => record(left - 1),
      })
    record(planted === 'takes over with a single record' ? 1 : TAKEOVER_RECORDS)
  }

  const append = (pending: PendingVote): void => {
    pendingVoters.add(`${pending.vote.event}.${pending.vote.voter}`)
    add({ is: 'vote', pending })
    if (planted === 'answers before the append is confirmed') owner?.stored(pending)
  }

  const closeEvent = (event: EventNumber, respond: () => void): void => {
    if (!owner || stopped) return
    const record: Closing | undefined = owner.close(event, process.now())
    const underWay = closing.get(event) ?? { done: !record, waiting: [] }
    closing.set(event, underWay)
    if (underWay.done) {
      respond()
      return
    }
    underWay.waiting.push(respond)
    if (!record) return
    const settle = (): void => {
      underWay.done = true
      for (const tell of underWay.waiting.splice(0)) tell()
    }
    add({ is: 'closing', closing: record, settle })
  }

  const decide = (request: Decision, respond: (decided: boolean) => void): void => {
    if (!desk || stopped) return
    const current = desk
    const answer = (decided: boolean): void => {
      process.mayDieHere()
      if (decided) checks.decided(request)
      respond(decided)
    }
    const decision = current.take({ ...request }, answer, process.now())
    if (!decision) return
    add({ is: 'decision', decision, settle: () => current.stored(decision) })
    if (planted === 'answers a decision before the append is confirmed') current.stored(decision)
  }

  const closeInTime = (state: OwnerState): void => {
    if (stopped) return
    for (const event of EVENTS) {
      const closesAtMs = world.closesAtMs(event)
      if (closesAtMs === null || state.closed.has(event) || closesAtMs > process.now()) continue
      closeEvent(event, () => undefined)
    }
    process.later(CLOSINGS_EVERY_MS, () => closeInTime(state))
  }

  const lane: OwnerLane = {
    process,
    submit: (votes, respond) =>
      hand(() => {
        if (!owner || !machine) return
        const isPending = ({ event, voter }: Vote): boolean => pendingVoters.has(`${event}.${voter}`)
        if (planted === 'calls a vote a duplicate whose first one is pending' && votes.some(isPending)) {
          const early = votes.map((vote) => (isPending(vote) ? 'duplicate' : 'unavailable'))
          checks.answered(votes, early)
          return respond(early)
        }
        const isOver = ({ event }: Vote): boolean =>
          closing.get(event)?.done === false || (world.closesAtMs(event) ?? Infinity) <= process.now()
        if (planted === 'says that it is closed before the closing is on disk' && votes.every(isOver)) {
          const early = votes.map(() => 'closed' as const)
          checks.answered(votes, early)
          respond(early)
          return
        }
        const answer = (outcomes: readonly Outcome[] | null): void => {
          process.mayDieHere()
          if (outcomes) checks.answered(votes, outcomes)
          respond(outcomes)
        }
        const copies = votes.map((vote) => ({ ...vote }))
        decideSubmissions(copies, answer, {
          owner,
          stopped,
          committing: machine.size,
          waitingVotesMax: 1_000,
          nowMs: process.now(),
          closesAtMs: world.closesAtMs,
          append,
        })
      }),
    close: (event, respond) => hand(() => closeEvent(event, respond)),
    decide: (request, respond) => hand(() => decide(request, respond)),
    drain(ended) {
      owners.delete(lane)
      const untilMs = process.now() + DRAIN_MS
      const look = (): void => {
        if (!stopped && (machine?.size ?? 0) > 0 && process.now() < untilMs) process.later(50, look)
        else {
          end()
          ended()
        }
      }
      look()
    },
    stop: end,
  }
  process.onDeath(() => owners.delete(lane))
  takeOver({ world, process, shard, ask, learned: begin, failed: end })
  return lane
}
