import { startChild } from '../child.js'
import { type SmallSystem, startSmallSystem } from '../small-system.js'
import type { VoteLoadCount, VoteLoadOrder } from '../vote-load.js'
import { type Boards, type BoardsOptions, giveBoards } from './boards.js'
import type { Running } from './contenders.js'
import { CONTESTANTS } from './shown-board.js'

export interface VotestreamOptions {
  readonly workers: number
  /** A second, through the whole pipeline to the boards; 0: boards come as a tally sends them. */
  readonly votesPerSecond: number
  readonly boardsPerSecond: number
}

/** The gateway as it runs. */
export const startVotestream = async (options: VotestreamOptions): Promise<Running> => {
  const { workers, votesPerSecond, boardsPerSecond } = options
  const system = await startSmallSystem({
    contestants: CONTESTANTS,
    votes: votesPerSecond > 0,
    env: { GATEWAY_WORKERS: String(workers), BOARD_TICK_MS: String(Math.round(1_000 / boardsPerSecond)) },
  })
  const [event] = system.events
  const [gateway] = system.gateways
  if (!event || !gateway) throw new Error('the system has no event')
  // One that has workers only looks after them.
  const pids = await system.gatewayPids()
  return {
    url: `ws://127.0.0.1:${gateway.port}`,
    dialect: { name: 'graphql', eventId: event.id, token: system.viewerToken() },
    pids,
    serving: pids.length > 1 ? pids.slice(1) : pids,
    begin: async (boards) =>
      votesPerSecond > 0
        ? castVotes(system, votesPerSecond, boards)
        : giveBoards(boards, (version, votes, atMs) => system.show(event, version, votes, atMs)),
    stop: system.stop,
  }
}

/** Votes from a process of their own, over REST. */
const castVotes = async (
  system: SmallSystem,
  perSecond: number,
  { boardsPerSecond, secondsMax }: BoardsOptions,
): Promise<Boards> => {
  const [event] = system.events
  const [gateway] = system.gateways
  if (!event || !gateway) throw new Error('the system has no event')
  const load = startChild(new URL('../vote-load.js', import.meta.url))
  const voters = Array.from({ length: perSecond * secondsMax }, (_, index) => system.voter(index + 1))
  load.send({
    do: 'cast',
    port: gateway.port,
    perSecond,
    eventId: event.id,
    contestantIds: event.contestantIds,
    voters,
  } satisfies VoteLoadOrder)
  await load.next()
  const beganMs = performance.now()
  let ended: Promise<number> | undefined
  const end = async (): Promise<number> => {
    load.send({ do: 'end' } satisfies VoteLoadOrder)
    const { acknowledged, failed } = await load.next<VoteLoadCount>()
    await load.stop()
    if (failed > 0) throw new Error(`${failed} votes were not acknowledged`)
    return acknowledged
  }
  return {
    // One board in each tick: so many votes come that none is without.
    given: () => ((performance.now() - beganMs) / 1_000) * boardsPerSecond,
    end() {
      ended ??= end()
      return ended
    },
  }
}
