/** Columns of equal width; all but the ones named are numbers, and stand to the right. */
export const table = (rows: readonly (readonly string[])[], textColumn: number): string => {
  const columns = rows[0]?.length ?? 0
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  )
  const cell = (text: string, column: number): string =>
    column === textColumn ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0)
  return rows.map((row) => row.map(cell).join('  ')).join('\n')
}
