import { randomUUID } from 'node:crypto'
import type { Nats } from '@votestream/infra/nats'
import { createAttempts } from '@votestream/ingest/attempts'
import { createCommitter } from '@votestream/ingest/committer'
import { createGroupCommit } from '@votestream/ingest/group-commit'
import { bytesOf, type Item, messageOf, settleStored } from '@votestream/ingest/lane-items'
import { createShardOwner } from '@votestream/ingest/shard-owner'
import { createVoteLog } from '@votestream/ingest/vote-log'
import { type EventNumber, eventNumber, type Shard } from '@votestream/schema/numbers'
import { voteSubject } from '@votestream/schema/subjects'
import { createVotedSet } from '@votestream/schema/voted-set'
import { BATCH_BYTES_MAX, logMessage } from '@votestream/schema/votes'
import { nthVoter } from '../log/read-votes.js'
import { phoneVote } from '../log/votes.js'

/** Votes into one shard's log, a constant number of voters waiting at once. */
export interface Writer {
  /** So many were told that their vote is on disk. */
  readonly stored: number
  /** No new voters. Resolves when the last one has been told. @throws Error when one was not told that. */
  end(): Promise<void>
}

export interface WriterOptions {
  readonly nats: Nats
  readonly shard: Shard
  readonly shards: number
  /** Each has one vote under way, and when it is stored another voter comes. */
  readonly waitingVoters: number
  /** Votes in one message at most. */
  readonly batchVotes: number
}

export const EVENT: EventNumber = eventNumber(1)
const APPEND_TIMEOUT_MS = 30_000

/** What ingest does with a submission, from the decision to the answer. The log is empty. */
export const commitInGroups = ({ nats, shard, shards, waitingVoters, batchVotes }: WriterOptions): Writer => {
  const owner = createShardOwner({
    voted: createVotedSet(shards),
    attempts: createAttempts(),
    attemptsKnown: true,
    closed: new Set(),
    lastAckedAtMs: 0,
  })
  const committer = createCommitter<Item>({
    machine: createGroupCommit({
      lastSequence: 0,
      newId: randomUUID,
      batchItemsMax: batchVotes,
      batchBytesMax: BATCH_BYTES_MAX,
      bytesOf,
    }),
    log: createVoteLog({ nats, shard, appendTimeoutMs: APPEND_TIMEOUT_MS }),
    encode: (batch) => logMessage.encode(messageOf(batch.items)),
    onStored: (batch) => settleStored(owner, batch.items),
  })
  let submitted = 0
  let stored = 0
  let refused = 0
  let isEnding = false
  const submit = (): void => {
    submitted += 1
    const nowMs = Date.now()
    const vote = phoneVote(EVENT, nthVoter(shard, shards, submitted), 0, nowMs)
    const pending = owner.submit(
      vote,
      (outcome) => {
        if (outcome === 'accepted') stored += 1
        else refused += 1
        if (!isEnding) submit()
      },
      nowMs,
      null,
    )
    if (pending) committer.add({ is: 'vote', pending })
  }
  for (let waiting = 0; waiting < waitingVoters; waiting += 1) submit()
  return {
    get stored() {
      return stored
    },
    async end() {
      isEnding = true
      await committer.idle()
      if (refused > 0 || stored !== submitted) throw new Error(`${submitted - stored} votes were not stored`)
    },
  }
}

/** A message for each vote, each known again by its own id: as many on their way as there are voters waiting. */
export const publishOneByOne = ({ nats, shard, shards, waitingVoters }: WriterOptions): Writer => {
  let submitted = 0
  let stored = 0
  let isEnding = false
  const keepVoting = async (): Promise<void> => {
    while (!isEnding) {
      submitted += 1
      const nowMs = Date.now()
      const vote = phoneVote(EVENT, nthVoter(shard, shards, submitted), nowMs, nowMs)
      const message = logMessage.encode({ votes: [vote], closings: [], takeover: null, decisions: [] })
      const msgID = `${vote.event}:${vote.voter}`
      const ack = await nats.js.publish(voteSubject(shard), message, { msgID, timeout: APPEND_TIMEOUT_MS })
      if (ack.duplicate) throw new Error(`the broker knew vote ${msgID} already`)
      stored += 1
    }
  }
  const voters = Array.from({ length: waitingVoters }, keepVoting)
  const done = Promise.all(voters)
  // Whoever ends it hears of a failure.
  done.catch(() => undefined)
  return {
    get stored() {
      return stored
    },
    async end() {
      isEnding = true
      await done
    },
  }
}
