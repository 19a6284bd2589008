import { VotestreamError } from '@votestream/schema/errors'
import { eventStatus } from '@votestream/schema/event-record'
import type { ContestantIndex, EventNumber, VoterNumber } from '@votestream/schema/numbers'
import type { OpaqueIds } from '@votestream/schema/opaque-ids'
import type { Submission } from '@votestream/schema/votes'
import { type Caller, callingUser } from './caller.js'
import { type Deadline, requireTime } from './deadlines.js'
import { type CatalogEvent, type EventCatalog, findEvent } from './event-catalog.js'
import { authorize, authorizeObject } from './policy.js'
import type { Results, VoteStatus } from './results.js'
import type { Store } from './store.js'
import type { VoteIntake } from './votes.js'

/** A vote as a client casts it; who casts it is the token's to say. */
export interface Ballot extends Omit<Submission, 'voter' | 'event' | 'contestant'> {
  readonly event: EventNumber
  readonly contestant: { readonly event: EventNumber; readonly index: ContestantIndex }
}

/** What a vote's identifier stands for. */
export interface VoteName {
  readonly event: EventNumber
  readonly voter: VoterNumber
}

export interface Voting {
  /**
   * @returns the vote's identifier and its event, once the vote is durable.
   * @throws VotestreamError WRONG_SCOPE, EVENT_NOT_FOUND, CONTESTANT_NOT_FOUND, VOTING_NOT_OPEN, VOTING_CLOSED,
   * DUPLICATE_VOTE, VOTES_UNAVAILABLE, STORE_UNAVAILABLE, TIMEOUT (it was not sent)
   */
  submit(
    caller: Caller,
    ballot: Ballot,
    deadline?: Deadline,
  ): Promise<{ voteId: string; event: CatalogEvent }>
  /**
   * The event of one's own vote; what became of the vote is not asked.
   * @throws VotestreamError WRONG_SCOPE, VOTE_NOT_FOUND, STORE_UNAVAILABLE
   */
  find(caller: Caller, vote: VoteName): Promise<CatalogEvent>
  /** @throws VotestreamError WRONG_SCOPE, VOTE_NOT_FOUND, RESULTS_UNAVAILABLE, STORE_UNAVAILABLE */
  status(caller: Caller, vote: VoteName): Promise<{ status: VoteStatus; event: CatalogEvent }>
}

interface VotingOptions {
  readonly ids: OpaqueIds
  readonly store: Store
  readonly catalog: Pick<EventCatalog, 'get' | 'peek'>
  readonly intake: VoteIntake
  readonly results: Results
  readonly now?: () => number
}

/** So long after its end an event is closed by any clock; until then its shard's log decides. */
const CLOSED_FOR_SURE_MS = 60_000

export const createVoting = ({
  ids,
  store,
  catalog,
  intake,
  results,
  now = Date.now,
}: VotingOptions): Voting => {
  const find = async (caller: Caller, { event, voter }: VoteName): Promise<CatalogEvent> => {
    // Whose vote it is stays between its voter and us: for anybody else there is no such vote.
    authorize('voteStatus', caller)
    authorizeObject('voteStatus', caller, voter)
    const known = await store(() => catalog.get(event))
    if (!known) throw new VotestreamError('VOTE_NOT_FOUND')
    return known
  }

  /**
   * Who comes after the end is told of the vote that stands, if there is one: somebody whose answer was lost just
   * before it has no other way to learn of it. Where that cannot be told, the end is all there is to say.
   */
  const refuseLate = async ({ event, voter }: VoteName): Promise<never> => {
    const status = await results.voteStatus(event, voter).catch((): VoteStatus => 'acked')
    if (status === 'acked') throw new VotestreamError('VOTING_CLOSED')
    throw new VotestreamError('DUPLICATE_VOTE', { voteId: ids.voteId(event, voter) })
  }

  return {
    async submit(caller, ballot, deadline) {
      authorize('submitVote', caller)
      const voter = callingUser(caller)
      const { event, contestant } = ballot
      const known = catalog.peek(event) ?? (await findEvent(catalog, store, event))
      const { record } = known
      if (contestant.event !== event || contestant.index >= record.contestants.length) {
        throw new VotestreamError('CONTESTANT_NOT_FOUND')
      }
      const nowMs = now()
      if (eventStatus(record, nowMs) === 'SCHEDULED') throw new VotestreamError('VOTING_NOT_OPEN')
      if (record.closesAtMs !== null && record.closesAtMs < nowMs - CLOSED_FOR_SURE_MS) {
        return refuseLate({ event, voter })
      }
      requireTime(deadline)
      // Written out: to spread it took 7 % of a gateway's time under votes.
      const submission: Submission = {
        event,
        voter,
        contestant: contestant.index,
        attempt: ballot.attempt,
        clientTimestampMs: ballot.clientTimestampMs,
        deviceId: ballot.deviceId,
        appVersion: ballot.appVersion,
        channel: ballot.channel,
        traceId: ballot.traceId,
      }
      // Of nearly all votes nothing more is carried.
      if (ballot.spanId !== undefined) {
        submission.spanId = ballot.spanId
        if (ballot.traceState !== undefined) submission.traceState = ballot.traceState
      }
      const outcome = await intake.submit(submission)
      switch (outcome) {
        case 'accepted':
          return { voteId: ids.voteId(event, voter), event: known }
        case 'duplicate':
          throw new VotestreamError('DUPLICATE_VOTE', { voteId: ids.voteId(event, voter) })
        case 'closed':
          return refuseLate({ event, voter })
      }
    },
    find,
    async status(caller, vote) {
      const event = await find(caller, vote)
      return { status: await results.voteStatus(vote.event, vote.voter), event }
    },
  }
}
