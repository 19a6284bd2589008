import type { EventNumber, VoterNumber } from '@votestream/schema/numbers'
import type { Tally } from '@votestream/schema/tally'
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
  /** Loses everything. */
  flush(): void
  /** @returns what puts the view back to how it is now. */
  save(): () => void
}

interface EventView {
  tally: Tally
  readonly voters: Set<VoterNumber>
}

const EMPTY: Tally = {
  totals: [],
  sequence: 0,
  ackedAtMs: 0,
  entries: 0,
  rejected: 0,
  superseded: 0,
  closedAtMs: null,
}

export const createViewModel = (): ViewModel => {
  let checkpoint: Checkpoint | undefined
  let clearing: string | undefined
  let events = new Map<EventNumber, EventView>()

  const eventView = (event: EventNumber): EventView => {
    const view = events.get(event) ?? { tally: EMPTY, voters: new Set() }
    events.set(event, view)
    return view
  }

  const applyMessage = ({ sequence, votes, closings }: SequencedMessage): EventNumber[] => {
    for (const { event, voter, contestant, flags, ackedAtMs } of votes) {
      const view = eventView(event)
      const totals = [...view.tally.totals]
      let { rejected, superseded } = view.tally
      if (view.voters.has(voter)) superseded += 1
      else if (flags !== 0 || view.tally.closedAtMs !== null) rejected += 1
      else {
        while (totals.length <= contestant) totals.push(0)
        totals[contestant] = (totals[contestant] ?? 0) + 1
      }
      view.voters.add(voter)
      const entries = view.tally.entries + 1
      view.tally = { ...view.tally, totals, sequence, ackedAtMs, entries, rejected, superseded }
    }
    for (const { event, closedAtMs } of closings) {
      const view = eventView(event)
      view.tally = { ...view.tally, sequence, closedAtMs: view.tally.closedAtMs ?? closedAtMs }
    }
    return [...votes, ...closings].map(({ event }) => event)
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
    flush() {
      checkpoint = undefined
      clearing = undefined
      events = new Map()
    },
    save() {
      const copy = () =>
        new Map([...events].map(([event, { tally, voters }]) => [event, { tally, voters: new Set(voters) }]))
      const saved = { checkpoint, clearing, events: copy() }
      return () => {
        checkpoint = saved.checkpoint
        clearing = saved.clearing
        events = new Map(
          [...saved.events].map(([event, { tally, voters }]) => [event, { tally, voters: new Set(voters) }]),
        )
      }
    },
  }
}
