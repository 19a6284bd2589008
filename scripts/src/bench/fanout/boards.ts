import { CONTESTANTS } from './shown-board.js'

/** Boards that come one after the other. */
export interface Boards {
  /** How many were given so far, or should have been. */
  given(): number
  /** @returns the votes on the last board. */
  end(): Promise<number>
}

export interface BoardsOptions {
  readonly boardsPerSecond: number
  readonly secondsMax: number
}

/** @param votes by contestant */
type Give = (version: number, votes: readonly number[], atMs: number) => void

/** Each with a few more votes than the one before it. */
export const giveBoards = ({ boardsPerSecond }: BoardsOptions, give: Give): Boards => {
  const votes = CONTESTANTS.map(() => 0)
  let version = 0
  const timer = setInterval(() => {
    version += 1
    const index = version % votes.length
    votes[index] = (votes[index] ?? 0) + 1 + (version % 7)
    give(version, votes, Date.now())
  }, 1_000 / boardsPerSecond)
  return {
    given: () => version,
    async end() {
      clearInterval(timer)
      return votes.reduce((sum, count) => sum + count, 0)
    },
  }
}
