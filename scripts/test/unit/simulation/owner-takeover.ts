import { type Attempts, createAttempts } from '@votestream/ingest/attempts'
import { type OwnerState, replayAttempts, replayMessage } from '@votestream/ingest/shard-owner'
import { decideReading, type ReadingDecision, usableCheckpoint } from '@votestream/ingest/takeover-decision'
import type { EventNumber, Shard } from '@votestream/schema/numbers'
import { createVotedSet } from '@votestream/schema/voted-set'
import type { Process } from './process.js'
import type { World } from './world.js'

/** Asks a server on behalf of a lane: nothing is told to one that has ended. */
export type Ask = <Answer>(serve: () => Answer, told: (answer: Answer | undefined) => void) => void

/** What a new owner has learnt. */
export interface Knowledge {
  readonly state: OwnerState
  readonly lastSequence: number
  readonly learnAttempts: (done: () => void) => void
}

interface TakeoverOptions {
  readonly world: World
  readonly process: Process
  readonly shard: Shard
  readonly ask: Ask
  readonly learned: (knowledge: Knowledge) => void
  readonly failed: () => void
}

const READ_AT_ONCE = 8
const ATTEMPTS_SINCE_MS = 35_000

type Kept = Omit<OwnerState, 'attempts' | 'attemptsKnown'> & { readonly sequence: number }

/** Learns who has voted, out of the view and the log, step by step, as the service does. */
export const takeOver = ({ world, process, shard, ask, learned, failed }: TakeoverOptions): void => {
  const { shards, planted } = world
  const { broker, view } = shards[shard] as World['shards'][number]

  const readRedis = (told: (kept: Kept | undefined) => void): void => {
    const position = broker.position()
    const checkpoint = (): number | undefined => {
      const found = view.checkpoint()
      const fields = found
        ? [found.generation, String(found.sequence), String(found.wholeAt)]
        : [null, null, null]
      return usableCheckpoint(fields, position)
    }
    ask(
      () => ({ at: checkpoint(), events: [...view.tallies.keys()] }),
      (first) => {
        const sequence = first?.at
        if (first === undefined || sequence === undefined) return told(undefined)
        const voted = createVotedSet(shards.length)
        const kept = { sequence, voted, closed: new Set<EventNumber>(), lastAckedAtMs: 0 }
        const readNext = (): void => {
          const event = first.events.pop()
          if (event === undefined) {
            told(kept)
            return
          }
          ask(
            () => ({ at: checkpoint(), tally: view.tallies.get(event), voters: [...view.voters(event)] }),
            (read) => {
              if (read?.at === undefined || read.at < sequence) return told(undefined)
              process.mayDieHere()
              kept.lastAckedAtMs = Math.max(kept.lastAckedAtMs, read.tally?.ackedAtMs ?? 0)
              if (read.tally && read.tally.closedAtMs !== null) kept.closed.add(event)
              else for (const voter of read.voters) voted.add(event, voter)
              readNext()
            },
          )
        }
        readNext()
      },
    )
  }

  const readLog = (
    from: number,
    to: number,
    learn: typeof replayMessage,
    state: OwnerState,
    done: () => void,
  ) => {
    if (from > to) return done()
    const until = Math.min(to, from + READ_AT_ONCE - 1)
    ask(
      () => ({ messages: broker.log.slice(from - 1, until), lastAtMs: broker.lastStoredAtMs() }),
      (read) => {
        if (!read) return failed()
        process.mayDieHere()
        for (const message of read.messages) learn(state, message, read.lastAtMs - message.storedAtMs)
        readLog(until + 1, to, learn, state, done)
      },
    )
  }

  const learnAttempts =
    (state: OwnerState, { keptSequence }: Extract<ReadingDecision, { do: 'read' }>) =>
    (done: () => void): void =>
      ask(
        () => {
          const ownClock = planted === 'tells the age of attempts by its own clock'
          const nowMs = ownClock ? process.now() + process.jumpMs : broker.lastStoredAtMs()
          return broker.firstSequenceSince(nowMs - ATTEMPTS_SINCE_MS)
        },
        (from) => {
          if (from === undefined) failed()
          else readLog(from, keptSequence, replayAttempts, state, done)
        },
      )

  const begin = (): void =>
    readRedis((kept) =>
      ask(broker.position, (position) => {
        const decision = position && decideReading(kept?.sequence, position)
        if (!decision || decision.do === 'refuse') return failed()
        const attempts = createAttempts(world.kernel.now)
        const state: OwnerState = {
          voted: kept?.voted ?? createVotedSet(shards.length),
          closed: kept?.closed ?? new Set(),
          attempts:
            planted === 'takes a late copy of a decision for a new one' ? forgetful(attempts) : attempts,
          attemptsKnown: decision.attemptsKnown,
          lastAckedAtMs: kept?.lastAckedAtMs ?? 0,
        }
        const skips = planted === 'skips the log after the checkpoint of Redis in a takeover' && kept
        const from = skips ? position.lastSequence + 1 : decision.fromSequence
        readLog(from, position.lastSequence, replayMessage, state, () =>
          learned({
            state,
            lastSequence: position.lastSequence,
            learnAttempts: learnAttempts(state, decision),
          }),
        )
      }),
    )

  begin()
}

/** Knows no decision again: the planted bug. */
const forgetful = (attempts: Attempts): Attempts => ({ ...attempts, isDecision: () => false })
