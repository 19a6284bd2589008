import type { EventNumber } from '@votestream/schema/numbers'
import { createReplay } from '@votestream/schema/replay'
import { type Decision, type Outcome, VERDICT, type Vote } from '@votestream/schema/votes'
import { violated } from './violation.js'
import { CONTESTANTS, EVENTS, type World } from './world.js'

/** Holds what everybody is told against the log, at every answer and at the end. */
export interface Checks {
  began(vote: Vote): void
  /** An owner answers. */
  answered(votes: readonly Vote[], outcomes: readonly Outcome[]): void
  /** A voter hears the answer. */
  told(vote: Vote, outcome: Outcome): void
  /** An owner says that a decision is on disk. */
  decided(request: Decision): void
  decisionBegan(): void
  /** An operator hears it. */
  decisionEnded(request: Decision): void
  closeRequested(event: EventNumber): void
  closeBegan(): void
  closeEnded(): void
  fail(promise: string): never
  /** Nobody waits for an answer any more. */
  settled(): boolean
  /** The views are where the logs end. */
  drained(): boolean
  atTheEnd(): void
}

/** An attempt is surely known for this long: half a minute, less what two clocks may differ. */
const KNOWN_MS = 24_000
const SKEW_MS = 4_000

export const createChecks = (world: World): Checks => {
  const { kernel } = world
  const accepted: Vote[] = []
  const refused: Vote[] = []
  /** By event and voter: the last one that its operator knows to be done. */
  const standing = new Map<string, Decision>()
  const closeRequests = new Set<EventNumber>()
  let open = 0

  const shardOfVote = ({ voter }: Pick<Vote, 'voter'>) =>
    world.shards[voter % world.shards.length] as World['shards'][number]

  const check = (vote: Vote, outcome: Outcome): void => {
    const { event, voter, attempt } = vote
    const entry = shardOfVote(vote).broker.find(event, voter)
    const name = `voter ${voter} in event ${event}`
    const ours = entry?.attempt === attempt
    if (outcome === 'accepted' && !entry) violated(`${name} was answered accepted and is not in the log`)
    if (outcome === 'accepted' && !ours) violated(`${name} was answered accepted for another attempt's vote`)
    if (outcome === 'duplicate' && !entry) violated(`${name} was called a duplicate of nothing`)
    const recent = entry && kernel.now() - entry.ackedAtMs < KNOWN_MS
    if ((outcome === 'duplicate' || outcome === 'closed') && ours && recent) {
      violated(`${name}: the vote of this very attempt is in the log, and the answer is ${outcome}`)
    }
    const mayBeClosed =
      closeRequests.has(event) ||
      kernel.now() + SKEW_MS >= (world.closesAtMs(event) ?? Number.POSITIVE_INFINITY)
    if (outcome === 'closed' && !mayBeClosed) violated(`${name} was told that it is closed, which it is not`)
  }

  const checkView = ({ broker, view }: World['shards'][number], shard: number): void => {
    const replay = createReplay()
    for (const message of broker.log) replay.apply(message)
    for (const event of EVENTS) {
      const book = replay.books.get(event)
      const tally = view.tallies.get(event)
      const name = `event ${event} in shard ${shard}`
      for (let index = 0; index < CONTESTANTS; index += 1) {
        const counted = [...(book?.totals ?? [])].find(([contestant]) => contestant === index)?.[1] ?? 0
        if ((tally?.totals[index] ?? 0) !== counted) violated(`${name}: the tally is not what the log says`)
      }
      if ((tally?.entries ?? 0) !== (book?.entries ?? 0)) violated(`${name}: entries are missing or too many`)
      if ((tally?.rejected ?? 0) !== (book?.rejected ?? 0))
        violated(`${name}: too many are rejected, or too few`)
      if (book && book.superseded > 0) violated(`${name}: an entry in the log does not count`)
      for (const voter of view.voters(event)) {
        const rejects = broker.lastDecision(event, voter)?.verdict === VERDICT.reject
        if (view.rejected(event).has(voter) !== rejects) {
          violated(`voter ${voter} in ${name}: the view does not say what was decided last`)
        }
      }
    }
  }

  const checkDecisions = (): void => {
    for (const [name, { event, voter, verdict, attempt }] of standing) {
      const { broker, view } = shardOfVote({ voter })
      const last = broker.lastDecision(event, voter)
      if (last?.attempt !== attempt || last?.verdict !== verdict) {
        violated(`vote ${name}: the decision that was answered last is not the one that stands`)
      }
      if (view.rejected(event).has(voter) !== (verdict === VERDICT.reject)) {
        violated(`vote ${name}: the decision that stands is not in the view`)
      }
    }
  }

  const checkBoards = (): void => {
    for (const viewer of world.viewers) {
      viewer.read()
      for (const event of EVENTS) {
        const shown = (viewer.board(event)?.totals ?? []).join()
        const totals = Array.from({ length: CONTESTANTS }, (_, index) =>
          world.shards.reduce((sum, { view }) => sum + (view.tallies.get(event)?.totals[index] ?? 0), 0),
        )
        if (shown !== totals.join()) violated(`the last board of event ${event} is ${shown}, not ${totals}`)
      }
    }
  }

  return {
    began: () => {
      open += 1
    },
    answered(votes, outcomes) {
      for (const [index, vote] of votes.entries()) check(vote, outcomes[index] as Outcome)
    },
    told(vote, outcome) {
      open -= 1
      if (outcome === 'accepted') accepted.push(vote)
      const entry = shardOfVote(vote).broker.find(vote.event, vote.voter)
      // One that was accepted long ago is not known again.
      if (outcome === 'closed' && entry?.attempt !== vote.attempt) refused.push(vote)
    },
    decided({ event, voter, attempt = 0 }) {
      if (shardOfVote({ voter }).broker.hasDecision(attempt)) return
      violated(`a decision about ${event}.${voter} was answered and is not in the log`)
    },
    decisionBegan: () => {
      open += 1
    },
    decisionEnded(request) {
      open -= 1
      standing.set(`${request.event}.${request.voter}`, request)
    },
    closeRequested: (event) => void closeRequests.add(event),
    closeBegan: () => {
      open += 1
    },
    closeEnded: () => {
      open -= 1
    },
    fail: violated,
    settled: () => open === 0,
    drained: () =>
      world.shards.every(({ broker, view }) => view.checkpoint()?.sequence === broker.log.length),
    atTheEnd() {
      for (const vote of accepted) {
        const { event, voter, attempt } = vote
        if (shardOfVote(vote).broker.find(event, voter)?.attempt !== attempt) {
          violated(`voter ${voter} was accepted in event ${event} and is not in the log`)
        }
      }
      for (const vote of refused) {
        const entry = shardOfVote(vote).broker.find(vote.event, vote.voter)
        if (entry?.attempt === vote.attempt) {
          violated(`voter ${vote.voter} was refused in event ${vote.event} and is in the log`)
        }
      }
      for (const [index, shard] of world.shards.entries()) checkView(shard, index)
      checkDecisions()
      checkBoards()
    },
  }
}
