import { type EventNumber, type Shard, shardOf } from '@votestream/schema/numbers'
import type { Outcome, Vote } from '@votestream/schema/votes'
import { createProcess, type Process } from './process.js'
import type { World } from './world.js'

const REPLY_TIMEOUT_MS = 1_500
const DEADLINE_MS = 5_000
const AGAIN_MS = 50
const INFLIGHT_MAX = 2
const BATCH_MAX = 10
const CLIENT_TIMEOUT_MS = 6_000

interface Waiting {
  readonly vote: Vote
  readonly deadlineMs: number
  readonly tell: (outcome: Outcome) => void
}

export interface Gateway {
  readonly process: Process
  submit(vote: Vote, tell: (outcome: Outcome) => void): void
}

export const createGateway = (world: World, name: string): Gateway => {
  let lanes: { add(waiting: Waiting): void }[] = []
  const process = createProcess(world.kernel, name, () => {
    lanes = world.shards.map((_, shard) => createLane(shard as Shard))
  })

  const createLane = (shard: Shard) => {
    let queue: Waiting[] = []
    let inflight = 0
    const hand = process.handOfThisLife()

    const requestOwner = (votes: Vote[], told: (outcomes: readonly Outcome[] | undefined) => void): void => {
      const owners = [...(world.shards[shard]?.owners ?? [])]
      let open = true
      const tell = (outcomes: readonly Outcome[] | undefined): void => {
        if (!open) return
        open = false
        told(outcomes)
      }
      // Whoever listens gets it, and the first to answer is heard.
      for (const owner of owners) {
        world.kernel.send(() => {
          owner.submit(votes, (outcomes) => world.kernel.send(() => hand(() => tell(outcomes ?? undefined))))
        })
      }
      process.later(owners.length === 0 ? 2 : REPLY_TIMEOUT_MS, () => tell(undefined))
    }

    const send = (): void => {
      while (inflight < INFLIGHT_MAX && queue.length > 0) {
        const batch = queue.splice(0, BATCH_MAX)
        inflight += 1
        requestOwner(
          batch.map(({ vote }) => vote),
          (outcomes) => {
            const open = batch.filter((waiting, index) => {
              const outcome = outcomes?.[index] ?? 'unavailable'
              const over = outcome !== 'unavailable' || world.kernel.now() >= waiting.deadlineMs
              if (over) waiting.tell(outcome)
              return !over
            })
            process.later(open.length > 0 ? AGAIN_MS : 0, () => {
              inflight -= 1
              queue = [...open, ...queue]
              send()
            })
          },
        )
      }
    }

    return {
      add(waiting: Waiting): void {
        queue.push(waiting)
        process.later(0, send)
      },
    }
  }

  return {
    process,
    submit: (vote, tell) =>
      process.hand(() => {
        const deadlineMs = world.kernel.now() + DEADLINE_MS
        lanes[shardOf(vote.voter, world.shards.length)]?.add({ vote, deadlineMs, tell })
      }),
  }
}

/** Casts a vote and repeats the attempt until it is answered; now and then the same attempt is sent again later. */
export const cast = (world: World, vote: Vote, again: readonly number[]): void => {
  const { kernel, gateways, checks } = world
  checks.began(vote)
  const attempt = (): void => {
    const gateway = gateways[kernel.int(0, gateways.length - 1)] as Gateway
    let open = true
    const told = (outcome: Outcome | undefined): void => {
      if (!open) return
      open = false
      if (outcome === undefined || outcome === 'unavailable') {
        kernel.at(kernel.int(50, 500), attempt)
        return
      }
      checks.told(vote, outcome)
      const [afterMs, ...later] = again
      if (afterMs !== undefined) kernel.at(afterMs, () => cast(world, vote, later))
    }
    kernel.send(() => gateway.submit(vote, (outcome) => kernel.send(() => told(outcome))))
    kernel.at(CLIENT_TIMEOUT_MS, () => told(undefined))
  }
  attempt()
}

/** Closes an event in every shard, asking until each has said that it is done. */
export const closeEverywhere = (world: World, event: EventNumber): void => {
  world.checks.closeRequested(event)
  for (const { broker, owners } of world.shards) {
    world.checks.closeBegan()
    let open = true
    const request = (): void => {
      if (!open) return
      for (const owner of [...owners]) {
        world.kernel.send(() =>
          owner.close(event, () => {
            if (!broker.isClosed(event)) world.checks.fail('an event is called closed that is not')
            world.kernel.send(() => {
              if (open) world.checks.closeEnded()
              open = false
            })
          }),
        )
      }
      world.kernel.at(400, request)
    }
    request()
  }
}
