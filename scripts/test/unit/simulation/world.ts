import { createViewModel, type ViewModel } from '@votestream/processor/view-model'
import {
  type ContestantIndex,
  type EventNumber,
  eventNumber,
  type Shard,
  voterNumber,
} from '@votestream/schema/numbers'
import type { Vote } from '@votestream/schema/votes'
import { type Broker, createBroker } from './broker.js'
import { type Checks, createChecks } from './checks.js'
import { createIngest, createIntruder, createLeaseBucket, type LeaseBucket } from './ingest.js'
import { BEGIN_MS, createKernel, type Kernel, LATE_MS } from './kernel.js'
import { planDecisions } from './operators.js'
import type { OwnerLane } from './owner-lane.js'
import type { PlantedBug } from './planted.js'
import type { Process } from './process.js'
import { createTally } from './tally.js'
import { createViewer, type Viewer } from './viewers.js'
import { ViolationError, violated } from './violation.js'
import { cast, closeEverywhere, createGateway, type Gateway } from './voters.js'

interface ShardWorld {
  readonly broker: Broker
  readonly view: ViewModel
  /** Those who listen to this shard's submissions. */
  readonly owners: Set<OwnerLane>
}

/** Everything there is. */
export interface World {
  readonly kernel: Kernel
  readonly shards: readonly ShardWorld[]
  readonly leases: LeaseBucket
  readonly gateways: Gateway[]
  readonly viewers: Viewer[]
  readonly checks: Checks
  readonly planted: PlantedBug | undefined
  /** The end of an event that is known beforehand; null: it has none. */
  readonly closesAtMs: (event: EventNumber) => number | null
  /** A number that nobody had before. */
  readonly newNumber: () => number
}

/** One that stays open, one that ends by the clock, one that is closed by request. */
export const EVENTS = [1, 2, 3].map(eventNumber)
export const CONTESTANTS = 3
export const VOTERS = 14
const HEALED_WITHIN_MS = 60_000
const HOUR_MS = 3_600_000

export interface Story {
  /** The promise that was broken; undefined: none was. */
  readonly violation: string | undefined
  readonly votes: number
  readonly virtualMs: number
}

/** Lets one world live: faults for a while, then none; then holds everything against the log. */
export const simulate = (seed: number, planted?: PlantedBug): Story => {
  const kernel = createKernel(seed)
  const world = createWorld(kernel, planted)
  const story = (violation: string | undefined): Story => ({
    violation,
    votes: world.shards.reduce(
      (sum, { broker }) => sum + broker.log.reduce((n, { votes }) => n + votes.length, 0),
      0,
    ),
    virtualMs: kernel.now() - BEGIN_MS,
  })
  try {
    live(world)
    return story(undefined)
  } catch (error) {
    if (error instanceof ViolationError) return story(error.message)
    throw error
  }
}

const createWorld = (kernel: Kernel, planted: PlantedBug | undefined): World => {
  const endsAtMs = BEGIN_MS + kernel.int(1_000, 12_000)
  let numbers = 0
  const world: Omit<World, 'checks'> & { checks?: Checks } = {
    kernel,
    planted,
    shards: Array.from({ length: kernel.int(1, 2) }, () => ({
      broker: createBroker(kernel),
      view: createViewModel(),
      owners: new Set<OwnerLane>(),
    })),
    leases: createLeaseBucket(kernel),
    gateways: [],
    viewers: [],
    closesAtMs: (event) => (event === EVENTS[1] ? endsAtMs : null),
    newNumber: () => {
      numbers += 1
      return numbers
    },
  }
  return Object.assign(world, { checks: createChecks(world as World) })
}

const live = (world: World): void => {
  const { kernel, checks } = world
  kernel.faults = [0.3, 1, 1, 3][kernel.int(0, 3)] as number
  const faultsMs = kernel.int(3_000, 14_000)
  const processes: Process[] = []
  for (const name of ['a', 'b', 'c'].slice(0, kernel.int(2, 3)))
    processes.push(createIngest(world, `ingest-${name}`))
  for (const name of ['a', 'b'].slice(0, kernel.int(1, 2)))
    processes.push(createTally(world, `tally-${name}`))
  for (const name of ['a', 'b']) world.gateways.push(createGateway(world, `gateway-${name}`))
  for (const { process } of world.gateways) processes.push(process)
  world.viewers.push(createViewer(world), createViewer(world))
  planVotes(world, faultsMs)
  planDecisions(world, faultsMs)
  planFaults(world, processes, faultsMs)
  kernel.at(faultsMs, () => {
    kernel.faults = 0
    for (const process of processes) Object.assign(process, { skewMs: 0, jumpMs: 0 })
  })
  let planned = true
  kernel.at(faultsMs + 100, () => {
    planned = false
  })
  const until = BEGIN_MS + faultsMs + HEALED_WITHIN_MS
  if (!kernel.runUntil(() => !planned && checks.settled(), until)) violated('somebody is never answered')
  if (!kernel.runUntil(checks.drained, until + 10_000)) violated('a view never reaches the end of its log')
  // What is still on its way may arrive: it must change nothing.
  const settledAtMs = kernel.now()
  kernel.runUntil(() => kernel.now() > settledAtMs + LATE_MS && checks.drained(), settledAtMs + 2 * LATE_MS)
  checks.atTheEnd()
}

const planVotes = (world: World, withinMs: number): void => {
  const { kernel } = world
  for (let voter = 1; voter <= VOTERS; voter += 1) {
    for (const event of EVENTS) {
      if (kernel.chance(0.3)) continue
      // Most vote once; some try to vote twice, at once or later.
      const tries = kernel.chance(0.3) ? 2 : 1
      const atMs = kernel.int(0, withinMs)
      for (let count = 0; count < tries; count += 1) {
        const vote: Vote = {
          event,
          voter: voterNumber(voter),
          contestant: kernel.int(0, CONTESTANTS - 1) as ContestantIndex,
          attempt: world.newNumber(),
          ackedAtMs: 0,
          flags: 0,
          clientTimestampMs: 0,
          deviceId: '',
          appVersion: '',
          channel: 1,
          traceId: '',
        }
        const again = kernel.chance(0.2)
          ? [kernel.chance(0.1) ? kernel.int(10_000, 22_000) : kernel.int(0, 3_000)]
          : []
        kernel.at(atMs + (count > 0 && kernel.chance(0.5) ? kernel.int(0, 4_000) : 0), () =>
          cast(world, vote, again),
        )
      }
    }
  }
  kernel.at(kernel.int(1_000, withinMs), () => closeEverywhere(world, EVENTS[2] as EventNumber))
}

const planFaults = (world: World, processes: readonly Process[], withinMs: number): void => {
  const { kernel, shards, viewers } = world
  const count = Math.ceil((withinMs / 1_000) * kernel.faults)
  for (let fault = 0; fault < count; fault += 1) {
    const process = processes[kernel.int(0, processes.length - 1)] as Process
    const shard = kernel.int(0, shards.length - 1) as Shard
    const { view } = shards[shard] as ShardWorld
    const happen = [
      () => process.kill(),
      () => process.freeze(kernel.int(100, 6_000)),
      () => {
        process.skewMs = kernel.int(-2_000, 2_000)
        process.jumpMs = kernel.int(-1, 1) * HOUR_MS
      },
      () => createIntruder(world, shard, kernel.int(500, 5_000)),
      () => view.flush(),
      () => kernel.at(kernel.int(100, 5_000), view.save()),
      () => viewers[0]?.read(),
    ][kernel.int(0, 6)] as () => void
    kernel.at(kernel.int(0, withinMs), happen)
  }
}
