import { setTimeout as pause } from 'node:timers/promises'
import { type LogPosition, logPosition } from '@votestream/infra/log-reader'
import type { Nats } from '@votestream/infra/nats'
import { VotestreamError } from '@votestream/schema/errors'
import { type Shard, shardOf, type VoterNumber } from '@votestream/schema/numbers'
import { decideSubject } from '@votestream/schema/subjects'
import { type Decision, decideReply, decideRequest, VERDICT, type Verdict } from '@votestream/schema/votes'
import type { ArchivedVotes, FirstEntry } from './archived-votes.js'
import { attemptOf } from './attempts.js'
import type { Caller } from './caller.js'
import { type Deadline, requireTime } from './deadlines.js'
import type { CatalogEvent, EventCatalog } from './event-catalog.js'
import { askUntilDone } from './owner-requests.js'
import { authorize } from './policy.js'
import type { Store } from './store.js'
import type { VoteName } from './voting.js'

/** Operators' word on single votes. */
export interface Decisions {
  /**
   * Rejects a vote or admits it, whatever it was before; the last decision stands. Repeating it is harmless.
   * @returns the vote's event, once the decision is durable. Tally, boards and archive follow.
   * @throws VotestreamError WRONG_SCOPE, VOTE_NOT_FOUND, RESULTS_UNAVAILABLE (nothing was decided),
   * VOTES_UNAVAILABLE (it may have been), STORE_UNAVAILABLE, TIMEOUT (it may have been)
   */
  decide(caller: Caller, vote: VoteName, verdict: Verdict, deadline?: Deadline): Promise<CatalogEvent>
}

interface DecisionsOptions {
  readonly store: Store
  readonly catalog: Pick<EventCatalog, 'get'>
  readonly archive: ArchivedVotes
  readonly logs: DecidedLogs
  readonly shards: number
  readonly archiveWaitMs?: number
}

/** A vote that was acknowledged a moment ago is archived within this time, unless the archive is in trouble. */
const ARCHIVE_WAIT_MS = 4_000
const LOOK_EVERY_MS = 50

export const createDecisions = (options: DecisionsOptions): Decisions => {
  const { store, catalog, archive, logs, shards, archiveWaitMs = ARCHIVE_WAIT_MS } = options

  /** Waits until the archive holds all that the log held when it was asked. */
  const untilArchived = async (
    shard: Shard,
    { generation, lastSequence }: LogPosition,
    deadline: Deadline | undefined,
  ): Promise<void> => {
    const giveUpAtMs = performance.now() + archiveWaitMs
    while ((await archive.sequence(shard, generation, deadline)) < lastSequence) {
      requireTime(deadline)
      if (performance.now() >= giveUpAtMs) {
        const cause = new Error(`the archive of shard ${shard} is behind`)
        throw new VotestreamError('RESULTS_UNAVAILABLE', { retryAfterSeconds: 1, cause })
      }
      await pause(LOOK_EVERY_MS)
    }
  }

  const findEntry = async (
    { event, voter }: VoteName,
    deadline: Deadline | undefined,
  ): Promise<FirstEntry> => {
    const shard = shardOf(voter, shards)
    const known = await archive.first(event, shard, voter, deadline)
    if (known) return known
    // Only what is not even in the log does not exist: the archive follows it.
    await untilArchived(shard, await store(() => logs.end(shard)), deadline)
    const found = await archive.first(event, shard, voter, deadline)
    if (!found) throw new VotestreamError('VOTE_NOT_FOUND')
    return found
  }

  return {
    async decide(caller, vote, verdict, deadline) {
      authorize('decideVote', caller)
      const known = await store(() => catalog.get(vote.event))
      if (!known) throw new VotestreamError('VOTE_NOT_FOUND')
      // 1. What the decision is about, so that nobody who counts need look the vote up. Dying here: nothing
      //    was decided.
      const { contestant, ackedAtMs } = await findEntry(vote, deadline)
      // 2. The log. When this returns the decision is on disk, and stands until another one about this vote. A
      //    process that dies while it waits may leave it decided or not; deciding again is harmless.
      const decision = {
        ...vote,
        contestant,
        votedAtMs: ackedAtMs,
        verdict: VERDICT[verdict],
        decidedAtMs: 0,
        decidedBy: caller.voter ?? APPLICATION,
        attempt: attemptOf(undefined),
      }
      await logs.decide(decision, deadline)
      return known
    },
  }
}

const APPLICATION = 0 as VoterNumber

/** The shards' logs, and those who write them. */
export interface DecidedLogs {
  end(shard: Shard): Promise<LogPosition>
  /** Resolves when the decision is on disk. @throws VotestreamError VOTES_UNAVAILABLE, TIMEOUT */
  decide(decision: Decision, deadline?: Deadline): Promise<void>
}

interface DecidedLogsOptions {
  readonly nats: Nats
  readonly shards: number
  /** How long a decision may look for an owner. */
  readonly ackDeadlineMs?: number
}

export const createDecidedLogs = ({
  nats,
  shards,
  ackDeadlineMs = 5_000,
}: DecidedLogsOptions): DecidedLogs => ({
  end: (shard) => logPosition(nats, shard),
  decide: (decision, deadline) =>
    askUntilDone({
      nats,
      subject: decideSubject(shardOf(decision.voter, shards)),
      payload: decideRequest.encode({ decision }),
      isDone: (reply) => decideReply.decode(reply).decided,
      deadlineMs: performance.now() + ackDeadlineMs,
      deadline,
    }),
})
