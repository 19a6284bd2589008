import type { Violation } from './judgement.js'

/** A board as a viewer saw it. */
export interface SeenBoard {
  readonly atMs: number
  readonly version: number
  readonly total: number
  /** Votes by contestant index. */
  readonly totals: readonly number[]
}

/** Boards in the order they came, across reconnections: nothing goes back, and the last one is what was counted. */
export const judgeBoards = (
  boards: readonly SeenBoard[],
  counted: ReadonlyMap<number, number>,
): Violation[] => {
  const violations: Violation[] = []
  const found = (what: string, atMs: number | undefined, detail: unknown) =>
    violations.push({ column: 'other', what, atMs, detail: JSON.stringify(detail) })
  for (const [index, board] of boards.entries()) {
    const before = boards[index - 1]
    if (!before) continue
    const shrank = before.totals.some((votes, contestant) => (board.totals[contestant] ?? 0) < votes)
    if (board.version < before.version || shrank) found('a board went back', board.atMs, { before, board })
  }
  for (const board of boards) {
    const sum = board.totals.reduce((total, votes) => total + votes, 0)
    if (sum !== board.total) found('a board does not add up', board.atMs, board)
  }
  const last = boards.at(-1)
  if (!last) found('no board was seen', undefined, {})
  else if (!isExact(last, counted)) {
    found('the last board is not exact', last.atMs, { last, counted: [...counted] })
  }
  return violations
}

export const isExact = (board: SeenBoard, counted: ReadonlyMap<number, number>): boolean => {
  const total = [...counted.values()].reduce((sum, votes) => sum + votes, 0)
  return board.total === total && board.totals.every((votes, index) => votes === (counted.get(index) ?? 0))
}
