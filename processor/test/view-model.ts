import type { ContestantIndex, EventNumber, VoterNumber } from '@votestream/schema/numbers'
import type { Tally } from '@votestream/schema/tally'
import { type Decision, VERDICT, type Vote } from '@votestream/schema/votes'
import type { SequencedMessage } from '../src/tally/stretch.js'
import type { Checkpoint } from '../src/tally/view-decision.js'

/**
 * What one shard's view in Redis does, in memory: apply-votes.lua, and the making anew, as their callers see
 * them. A test beside the real script holds the two together.
 */
export interface ViewModel {
  checkpoint(): Checkpoint | undefined
  /** Applies a stretch that begins right after `previous`, or nothing: then undefined. */
  apply(
    messages: readonly SequencedMessage[],
    from: { readonly generation: string; readonly previous: number },
  ): ReadonlyMap<EventNumber, Tally> | undefined
  /** Makes the view anew in its three steps; a step under a token that is not the last one changes nothing. */
  mark(token: string): void
  empty(token: string): boolean
  begin(token: string, generation: string, wholeAt: number): boolean
  readonly tallies: ReadonlyMap<EventNumber, Tally>
  voters(event: EventNumber): ReadonlySet<VoterNumber>
  /** Those of the voters whose vote does not count. */
  rejected(event: EventNumber): ReadonlySet<VoterNumber>
  /** Loses everything. */
  flush(): void
  /** @returns what puts the view back to how it is now. */
  save(): () => void
}

interface EventView {
  tally: Tally
  readonly voters: Set<VoterNumber>
  readonly rejected: Set<VoterNumber>
}

const EMPTY: Tally = {
  totals: [],
  sequence: 0,
  ackedAtMs: 0,
  entries: 0,
  rejected: 0,
  superseded: 0,
  dead: 0,
  closedAtMs: null,
}

export const createViewModel = (): ViewModel => {
  let checkpoint: Checkpoint | undefined
  let clearing: string | undefined
  let events = new Map<EventNumber, EventView>()

  const eventView = (event: EventNumber): EventView => {
    const view = events.get(event) ?? { tally: EMPTY, voters: new Set(), rejected: new Set() }
    events.set(event, view)
    return view
  }

  const applyVote = (vote: Vote, sequence: number): void => {
    const { event, voter, contestant, flags, ackedAtMs } = vote
    const view = eventView(event)
    let { totals, rejected, superseded } = view.tally
    if (view.voters.has(voter)) superseded += 1
    else if (flags !== 0 || view.tally.closedAtMs !== null) {
      rejected += 1
      view.rejected.add(voter)
    } else totals = withVotes(totals, contestant, 1)
    view.voters.add(voter)
    const entries = view.tally.entries + 1
    view.tally = { ...view.tally, totals, sequence, ackedAtMs, entries, rejected, superseded }
  }

  const applyDecision = ({ event, voter, contestant, verdict }: Decision, sequence: number): void => {
    const view = eventView(event)
    view.tally = { ...view.tally, sequence }
    const admits = verdict === VERDICT.admit
    if (!view.voters.has(voter) || view.rejected.has(voter) !== admits) return
    if (admits) view.rejected.delete(voter)
    else view.rejected.add(voter)
    const totals = withVotes(view.tally.totals, contestant, admits ? 1 : -1)
    view.tally = { ...view.tally, totals, rejected: view.tally.rejected + (admits ? -1 : 1) }
  }

  const applyMessage = (message: SequencedMessage): EventNumber[] => {
    const { sequence, votes, closings, decisions, dead = [] } = message
    for (const vote of votes) applyVote(vote, sequence)
    for (const { event, closedAtMs } of closings) {
      const view = eventView(event)
      view.tally = { ...view.tally, sequence, closedAtMs: view.tally.closedAtMs ?? closedAtMs }
    }
    for (const decision of decisions) applyDecision(decision, sequence)
    for (const { event } of dead) {
      const view = eventView(event)
      const { entries, dead: before } = view.tally
      view.tally = { ...view.tally, sequence, entries: entries + 1, dead: before + 1 }
    }
    return [...votes, ...closings, ...decisions, ...dead].map(({ event }) => event)
  }

  return {
    checkpoint: () => checkpoint,
    apply(messages, { generation, previous }) {
      if (checkpoint?.generation !== generation || checkpoint.sequence !== previous) return undefined
      const touched = new Set(messages.flatMap(applyMessage))
      checkpoint = { ...checkpoint, sequence: messages.at(-1)?.sequence ?? previous }
      return new Map([...touched].map((event) => [event, eventView(event).tally]))
    },
    mark(token) {
      checkpoint = undefined
      clearing = token
    },
    empty(token) {
      if (clearing !== token) return false
      events = new Map()
      return true
    },
    begin(token, generation, wholeAt) {
      if (clearing !== token || events.size > 0) return false
      clearing = undefined
      checkpoint = { generation, sequence: 0, wholeAt }
      return true
    },
    get tallies() {
      return new Map([...events].map(([event, { tally }]) => [event, tally]))
    },
    voters: (event) => events.get(event)?.voters ?? new Set(),
    rejected: (event) => events.get(event)?.rejected ?? new Set(),
    flush() {
      checkpoint = undefined
      clearing = undefined
      events = new Map()
    },
    save() {
      const saved = { checkpoint, clearing, events: copyOf(events) }
      return () => {
        checkpoint = saved.checkpoint
        clearing = saved.clearing
        events = copyOf(saved.events)
      }
    },
  }
}

const copyOf = (events: ReadonlyMap<EventNumber, EventView>): Map<EventNumber, EventView> =>
  new Map(
    [...events].map(([event, { tally, voters, rejected }]) => [
      event,
      { tally, voters: new Set(voters), rejected: new Set(rejected) },
    ]),
  )

/** As Redis holds totals: none of what adds up to nothing, so the last one is not 0. */
const withVotes = (before: readonly number[], contestant: ContestantIndex, votes: 1 | -1): number[] => {
  const totals = [...before]
  while (totals.length <= contestant) totals.push(0)
  totals[contestant] = (totals[contestant] ?? 0) + votes
  while (totals.at(-1) === 0) totals.pop()
  return totals
}
