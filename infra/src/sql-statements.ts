/** A comment, a quoted piece (with its escapes), a semicolon, or any other character. */
const TOKEN =
  /--[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^'\\]|\\[\s\S]|'')*'|"(?:[^"\\]|\\[\s\S])*"|`(?:[^`\\]|\\[\s\S])*`|[\s\S]/g

/** The statements of an SQL file, without the semicolons between them and without comments. */
export const splitStatements = (sql: string): string[] => {
  const statements: string[] = []
  let statement = ''
  for (const [token] of sql.matchAll(TOKEN)) {
    if (token === ';') {
      statements.push(statement)
      statement = ''
    } else if (token.startsWith('--') || token.startsWith('/*')) {
      statement += ' '
    } else {
      statement += token
    }
  }
  return [...statements, statement].map((text) => text.trim()).filter((text) => text !== '')
}
