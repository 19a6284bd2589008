import type { DeadLetter } from '@votestream/infra/dead-letters'

/** For a person: one line for each letter. */
export const lettersTable = (letters: readonly DeadLetter[]): string => {
  if (letters.length === 0) return 'Nothing in the log is dead.'
  const rows = letters.map(({ shard, sequence, storedAtMs, reasons }) => [
    String(shard),
    String(sequence),
    new Date(storedAtMs).toISOString(),
    reasonsOf(reasons),
  ])
  return [
    ...table([['shard', 'message', 'stored at', 'reasons'], ...rows]),
    '',
    `${letters.length} message${letters.length === 1 ? '' : 's'} of the log with something dead.`,
  ].join('\n')
}

/** For a program: one line of JSON for each letter, its data in base64. */
export const letterLine = ({ data, storedAtMs, ...letter }: DeadLetter): string =>
  JSON.stringify({
    ...letter,
    storedAt: new Date(storedAtMs).toISOString(),
    data: Buffer.from(data).toString('base64'),
  })

const REASONS_LENGTH_MAX = 160

/** In one line, without what would move a terminal's cursor: a decoder's words may hold what was in the bytes. */
const reasonsOf = (reasons: readonly string[]): string => {
  const line = reasons.join('; ').replace(/\p{Cc}/gu, ' ')
  return line.length > REASONS_LENGTH_MAX ? `${line.slice(0, REASONS_LENGTH_MAX - 1)}…` : line
}

const table = (rows: readonly (readonly string[])[]): string[] => {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  )
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}
