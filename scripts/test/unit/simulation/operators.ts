import type { EventNumber, Shard, VoterNumber } from '@votestream/schema/numbers'
import { type Decision, VERDICT, type Verdict } from '@votestream/schema/votes'
import { EVENTS, VOTERS, type World } from './world.js'

const ASKED_EVERY_MS = 400
/** A vote that is not there yet is looked for again. */
const LOOKED_FOR_EVERY_MS = 700
const LOOKS_MAX = 8

interface Plan {
  readonly event: EventNumber
  readonly voter: VoterNumber
  /** What is decided, one after the other, and how long after the one before was answered. */
  readonly verdicts: readonly { readonly verdict: Verdict; readonly afterMs: number }[]
}

/** Operators who reject and admit votes at whatever moment, some again and again. */
export const planDecisions = (world: World, withinMs: number): void => {
  const { kernel } = world
  for (let voter = 1; voter <= VOTERS; voter += 1) {
    for (const event of EVENTS) {
      if (!kernel.chance(0.15)) continue
      const verdicts = Array.from({ length: kernel.int(1, 4) }, () => ({
        verdict: kernel.chance(0.5) ? ('reject' as const) : ('admit' as const),
        afterMs: kernel.int(0, 1_500),
      }))
      const plan = { event, voter: voter as VoterNumber, verdicts }
      kernel.at(kernel.int(0, withinMs), () => operate(world, plan, LOOKS_MAX))
    }
  }
}

/** One operator: decides on a vote once it is found, and again once that is known to be done. */
const operate = (world: World, { event, voter, verdicts }: Plan, looksLeft: number): void => {
  const { kernel, shards, checks } = world
  const [next, ...later] = verdicts
  if (!next || looksLeft === 0) return
  const shard = (voter % shards.length) as Shard
  const entry = shards[shard]?.broker.find(event, voter)
  if (!entry) {
    kernel.at(LOOKED_FOR_EVERY_MS, () => operate(world, { event, voter, verdicts }, looksLeft - 1))
    return
  }
  const { contestant, ackedAtMs: votedAtMs } = entry
  const request: Decision = {
    ...{ event, voter, contestant, votedAtMs, decidedAtMs: 0, decidedBy: 1 as VoterNumber },
    verdict: VERDICT[next.verdict],
    attempt: world.newNumber(),
  }
  checks.decisionBegan()
  askUntilDone(world, shard, request, () => {
    checks.decisionEnded(request)
    kernel.at(later[0]?.afterMs ?? 0, () => operate(world, { event, voter, verdicts: later }, LOOKS_MAX))
  })
}

/** Asks whoever listens, under one name, until one of them says that it is done. */
const askUntilDone = (world: World, shard: Shard, request: Decision, done: () => void): void => {
  const { kernel, shards } = world
  let open = true
  const told = (decided: boolean): void => {
    if (!open || !decided) return
    open = false
    done()
  }
  const ask = (): void => {
    if (!open) return
    for (const owner of [...(shards[shard]?.owners ?? [])]) {
      kernel.send(() => owner.decide(request, (decided) => kernel.send(() => told(decided))))
    }
    kernel.at(ASKED_EVERY_MS, ask)
  }
  ask()
}
