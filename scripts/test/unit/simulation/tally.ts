import {
  type Checkpoint,
  decideBeginning,
  isElsewhere,
  mayBeShown,
} from '@votestream/processor/view-decision'
import type { ViewModel } from '@votestream/processor/view-model'
import type { EventNumber, Shard, VoterNumber } from '@votestream/schema/numbers'
import type { Tally } from '@votestream/schema/tally'
import { VERDICT } from '@votestream/schema/votes'
import { GENERATION } from './broker.js'
import { createProcess, type Process } from './process.js'
import type { World } from './world.js'

const ANSWER_TIMEOUT_MS = 1_000
const LOOK_EVERY_MS = 1_000
const READ_EVERY_MS = 20
const LOG_POLLED_EVERY_MS = 100
const READ_AT_ONCE = 6
const RETRY_MS = 100

/** A processor: keeps every shard's view up with its log, whoever else does so at the same time. */
export const createTally = (world: World, name: string): Process =>
  createProcess(world.kernel, name, (process) => {
    for (let shard = 0; shard < world.shards.length; shard += 1) runLane(world, process, shard as Shard)
  })

const runLane = (world: World, process: Process, shard: Shard): void => {
  const { broker, view } = world.shards[shard] as World['shards'][number]
  const ask = <Answer>(serve: () => Answer, told: (answer: Answer) => void): void =>
    process.ask(ANSWER_TIMEOUT_MS, serve, (answer) => {
      // Whatever went wrong: it begins again, where the view is.
      if (answer === undefined) begin()
      else told(answer)
    })
  let round = 0

  const begin = (): void => {
    round += 1
    process.later(RETRY_MS, () =>
      ask(
        () => ({ found: view.checkpoint() }),
        ({ found }) =>
          ask(broker.position, (position) => {
            const decision = decideBeginning(found, position)
            if (decision.do === 'go-on') follow(decision.checkpoint)
            else makeAnew()
          }),
      ),
    )
  }

  const makeAnew = (): void => {
    const token = `${process.name}-${world.newNumber()}`
    ask(
      () => view.mark(token) ?? true,
      () =>
        ask(
          () => view.empty(token),
          (emptied) => {
            if (!emptied) return begin()
            process.mayDieHere()
            ask(broker.position, ({ lastSequence }) =>
              ask(
                () => view.begin(token, GENERATION, lastSequence),
                (begun) => {
                  if (begun) follow({ generation: GENERATION, sequence: 0, wholeAt: lastSequence })
                  else begin()
                },
              ),
            )
          },
        ),
    )
  }

  const follow = (from: Checkpoint): void => {
    const ofRound = round
    const { generation } = from
    let sequence = from.sequence
    let applying = sequence
    const look = (): void => {
      if (round !== ofRound) return
      const before = [sequence, applying]
      process.ask(
        ANSWER_TIMEOUT_MS,
        () => ({ found: view.checkpoint() }),
        (answer) => {
          if (!answer || round !== ofRound) return
          if (isElsewhere(answer.found, generation, [...before, sequence, applying])) begin()
        },
      )
      process.later(LOOK_EVERY_MS, look)
    }
    const read = (): void => {
      if (round !== ofRound) return
      if (broker.log.length <= sequence) {
        process.later(LOG_POLLED_EVERY_MS, read)
        return
      }
      const messages = broker.log.slice(sequence, sequence + world.kernel.int(1, READ_AT_ONCE))
      const last = messages.at(-1) as (typeof messages)[number]
      process.mayDieHere()
      const previous = sequence
      applying = last.sequence
      ask(
        () => applied(world, view, messages, { generation, previous }),
        (tallies) => {
          if (round !== ofRound) return
          if (tallies === null) return begin()
          process.mayDieHere()
          sequence = last.sequence
          if (mayBeShown(sequence, from)) publish(world, shard, tallies)
          process.later(READ_EVERY_MS, read)
        },
      )
    }
    process.later(LOOK_EVERY_MS, look)
    read()
  }
  begin()
}

type Stretch = Parameters<ViewModel['apply']>
type Tallies = ReadonlyMap<EventNumber, Tally>

const applied = (world: World, view: ViewModel, messages: Stretch[0], from: Stretch[1]): Tallies | null => {
  if (world.planted === 'applies a stretch wherever the view ends') {
    const at = view.checkpoint()
    return view.apply(messages, at ? { generation: at.generation, previous: at.sequence } : from) ?? null
  }
  if (world.planted === 'moves the checkpoint before the votes are applied') {
    const tallies = view.apply(
      [{ ...(messages.at(-1) as Stretch[0][number]), votes: [], closings: [], decisions: [] }],
      from,
    )
    if (!tallies) return null
    // The votes follow by themselves, and may be lost on their way.
    world.kernel.send(() => {
      const at = view.checkpoint()
      if (!at) return
      const back = [
        ...messages.slice(0, -1),
        { ...(messages.at(-1) as Stretch[0][number]), sequence: at.sequence },
      ]
      view.apply(back, { generation: at.generation, previous: at.sequence })
    })
    return tallies
  }
  if (world.planted === 'applies a decision whatever stands') return appliedBlindly(view, messages, from)
  return view.apply(messages, from) ?? null
}

/** As if every decision were a change: the planted bug. */
const appliedBlindly = (view: ViewModel, messages: Stretch[0], { generation, previous }: Stretch[1]) => {
  const tallies = new Map<EventNumber, Tally>()
  for (const message of messages) {
    if (view.checkpoint()?.sequence !== message.sequence - 1) return null
    for (const { event, voter, verdict } of message.decisions) {
      // The set that the view itself looks at.
      const rejected = view.rejected(event) as Set<VoterNumber>
      if (verdict === VERDICT.admit) rejected.add(voter)
      else rejected.delete(voter)
    }
    const applied = view.apply([message], { generation, previous: message.sequence - 1 })
    for (const [event, tally] of applied ?? []) tallies.set(event, tally)
  }
  return messages[0]?.sequence === previous + 1 ? tallies : null
}

const publish = (world: World, shard: Shard, tallies: Tallies): void => {
  for (const viewer of world.viewers) {
    for (const [event, { totals, sequence, ackedAtMs }] of tallies) {
      world.kernel.send(() =>
        viewer.take(event, { shard, generation: GENERATION, sequence, totals: [...totals], ackedAtMs }),
      )
    }
  }
}
