export interface Standing {
  readonly contestant_name: string
  readonly total_votes: number
}

const BAR_WIDTH = 40

/** The standings as bars, for a terminal. */
export const drawBoard = (standings: readonly Standing[], acknowledged: number, voters: number): string => {
  const most = Math.max(1, ...standings.map(({ total_votes }) => total_votes))
  const total = standings.reduce((sum, { total_votes }) => sum + total_votes, 0)
  const width = Math.max(...standings.map(({ contestant_name }) => contestant_name.length))
  const rows = standings.map(({ contestant_name, total_votes }) => {
    const bar = '█'.repeat(Math.round((BAR_WIDTH * total_votes) / most))
    const share = total === 0 ? 0 : (100 * total_votes) / total
    return `  ${contestant_name.padEnd(width)}  ${bar.padEnd(BAR_WIDTH)} ${String(total_votes).padStart(6)}  ${share.toFixed(1).padStart(5)} %`
  })
  return [...rows, '', `  ${acknowledged} of ${voters} votes acknowledged, ${total} counted`].join('\n')
}
