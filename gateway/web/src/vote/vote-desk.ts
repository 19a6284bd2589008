import { SUBMIT_VOTE, VOTE, VOTE_CHANGED, type Vote } from '../api/documents.js'
import type { Graph } from '../api/graph.js'
import { backoffMs, pause } from '../model/waiting.js'
import { createValue, type Watched } from '../state.js'
import { keepVote, readVote, type VoteState } from './vote-state.js'

/** Takes one person's vote in one event from the click to the count, also over a reload in between. */
export interface VoteDesk {
  readonly state: Watched<VoteState>
  vote(contestantId: string): void
  /** The same vote once more: with its key it cannot become a second one. */
  repeat(): void
  leave(): void
}

interface VoteDeskOptions {
  readonly graph: Graph
  readonly storage: Storage
  readonly userId: string
  readonly eventId: string
}

const TRIES = 4
const QUIET_MS = 2_000
const ASK_EVERY_MS = 1_000
/** Later than this the count can still be looked up by loading the page again. */
const ASKS_MAX = 300

export const createVoteDesk = ({ graph, storage, userId, eventId }: VoteDeskOptions): VoteDesk => {
  const state = createValue<VoteState>(readVote(storage, userId, eventId))
  const leaving = new AbortController()
  const { signal } = leaving

  // Kept before anything is sent: a page that is closed in the middle finds the key when it comes back.
  const move = (next: VoteState) => {
    if (signal.aborted) return
    keepVote(storage, userId, eventId, next)
    state.set(next)
  }

  const send = async (contestantId: string, key: string): Promise<void> => {
    move({ step: 'sending', contestantId, key })
    for (let tries = 1; ; tries += 1) {
      const clientTimestamp = new Date().toISOString()
      const input = { eventId, contestantId, clientTimestamp }
      const answer = await graph.tell(SUBMIT_VOTE, { input }, { 'Idempotency-Key': key })
      if (signal.aborted) return
      if (answer.kind === 'data') return taken(answer.data.submitVote, contestantId)
      const { failure } = answer
      if (!failure.mayPass) {
        const { code, sentence } = failure
        return move(code === 'DUPLICATE_VOTE' ? { step: 'already', sentence } : { step: 'refused', sentence })
      }
      if (tries === TRIES) return move({ step: 'unreached', contestantId, key, sentence: failure.sentence })
      move({ step: 'sending', contestantId, key, note: `${failure.sentence} Trying again …` })
      await pause(backoffMs(tries, 500, 4_000), signal)
      if (signal.aborted) return
    }
  }

  const taken = (vote: Vote, contestantId: string): void => {
    if (settle(vote, contestantId)) return
    move({ step: 'acknowledged', contestantId, voteId: vote.id })
    void untilCounted(vote.id, contestantId)
  }

  const settle = ({ id, status, reason }: Vote, contestantId: string): boolean => {
    if (status === 'PROCESSED') move({ step: 'counted', contestantId, voteId: id })
    if (status === 'REJECTED') {
      move({ step: 'rejected', contestantId, reason: reason ?? 'The vote was not accepted.' })
    }
    return status !== 'ACKED'
  }

  /** By the subscription; where that stays silent or fails, by asking. */
  const untilCounted = async (voteId: string, contestantId: string): Promise<void> => {
    const counted = new AbortController()
    const ended = AbortSignal.any([signal, counted.signal])
    const leave = graph.follow(
      VOTE_CHANGED,
      { id: voteId },
      {
        as: 'voter',
        next({ voteStatusChanged: vote }) {
          if (settle(vote, contestantId)) counted.abort()
        },
        failed: () => undefined,
      },
    )
    await pause(QUIET_MS, ended)
    for (let asks = 0; asks < ASKS_MAX && !ended.aborted; asks += 1) {
      const answer = await graph.ask(VOTE, { id: voteId })
      if (ended.aborted) break
      if (answer.kind === 'data' && answer.data.vote && settle(answer.data.vote, contestantId)) break
      await pause(ASK_EVERY_MS, ended)
    }
    leave()
  }

  const begun = state.get()
  if (begun.step === 'sending') void send(begun.contestantId, begun.key)
  if (begun.step === 'acknowledged') void untilCounted(begun.voteId, begun.contestantId)

  return {
    state,
    vote(contestantId) {
      const { step } = state.get()
      if (step === 'none' || step === 'refused') void send(contestantId, randomKey())
    },
    repeat() {
      const now = state.get()
      if (now.step === 'unreached') void send(now.contestantId, now.key)
    },
    leave: () => leaving.abort(),
  }
}

/** `crypto.randomUUID` is missing where the page is not served over https or from this machine. */
const randomKey = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join(
    '',
  )
