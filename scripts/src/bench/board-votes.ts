import { setTimeout as pause } from 'node:timers/promises'
import { monotonicMs } from '../load/clock.js'
import type { SmallSystem } from './small-system.js'

/** Votes on the board of a system's first event, of all contestants together. */
export const votesOnBoard = async ({ events, gateways, viewerToken }: SmallSystem): Promise<number> => {
  const [event] = events
  const [gateway] = gateways
  if (!event || !gateway) throw new Error('the system has no event')
  const board = await fetch(`http://127.0.0.1:${gateway.port}/v1/event/${event.id}/leaderboard`, {
    headers: { authorization: `Bearer ${viewerToken()}` },
  })
  const { contestants } = (await board.json()) as { contestants: { total_votes: number }[] }
  return contestants.reduce((sum, { total_votes: votes }) => sum + votes, 0)
}

const COUNTED_WITHIN_MS = 20_000
const LOOK_EVERY_MS = 200

/** The votes on a board, as soon as there are so many, or when they have had time enough. */
export const countedOnce = async (counted: () => Promise<number>, wanted: number): Promise<number> => {
  const untilMs = monotonicMs() + COUNTED_WITHIN_MS
  let count = await counted()
  while (count < wanted && monotonicMs() < untilMs) {
    await pause(LOOK_EVERY_MS)
    count = await counted()
  }
  return count
}
