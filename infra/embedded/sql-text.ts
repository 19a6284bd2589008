export interface Token {
  kind: 'word' | 'quoted' | 'string' | 'mark'
  /** A word in capitals, the inside of a quoted name, or the mark itself. */
  text: string
  start: number
  end: number
  /** How many brackets are open around the token. */
  depth: number
}

const wordStart = /[A-Za-z_]/
const wordPart = /[A-Za-z0-9_$]/

/**
 * The tokens of a ClickHouse statement, lazily: the caller stops where an INSERT's data begins, which is not SQL.
 * Works on one character per byte (latin1) as well as on decoded text, since everything it looks for is ASCII.
 */
export function* tokensOf(sql: string): Generator<Token> {
  let at = 0
  let depth = 0
  while (at < sql.length) {
    const next = skipBlank(sql, at)
    if (next >= sql.length) return
    at = next
    const char = sql.charAt(at)
    const start = at
    if (wordStart.test(char)) {
      while (at < sql.length && wordPart.test(sql.charAt(at))) at++
      yield { kind: 'word', text: sql.slice(start, at).toUpperCase(), start, end: at, depth }
    } else if (char >= '0' && char <= '9') {
      while (at < sql.length && wordPart.test(sql.charAt(at))) at++
      yield { kind: 'mark', text: '0', start, end: at, depth }
    } else if (char === "'" || char === '"' || char === '`') {
      at = endOfQuoted(sql, at, char)
      const inside = sql.slice(start + 1, Math.max(start + 1, at - 1))
      yield { kind: char === "'" ? 'string' : 'quoted', text: inside, start, end: at, depth }
    } else if (char === '$' && heredocTag(sql, at) !== undefined) {
      const tag = heredocTag(sql, at) ?? ''
      const close = sql.indexOf(tag, at + tag.length)
      at = close === -1 ? sql.length : close + tag.length
      yield { kind: 'string', text: '', start, end: at, depth }
    } else {
      at++
      if (')]}'.includes(char)) depth = Math.max(0, depth - 1)
      yield { kind: 'mark', text: char, start, end: at, depth }
      if ('([{'.includes(char)) depth++
    }
  }
}

/** A string literal that the engine reads back as exactly this text. */
export function sqlString(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\0', '\\0')}'`
}

export function sqlName(name: string): string {
  return `\`${name.replaceAll('\\', '\\\\').replaceAll('`', '\\`').replaceAll('\0', '\\0')}\``
}

function skipBlank(sql: string, from: number): number {
  let at = from
  while (at < sql.length) {
    const char = sql.charAt(at)
    const two = sql.slice(at, at + 2)
    if (char <= ' ') at++
    else if (two === '--' || two === '#!' || two === '# ') at = endOfLine(sql, at)
    else if (two === '/*') at = endOfBlockComment(sql, at)
    else break
  }
  return at
}

function endOfLine(sql: string, from: number): number {
  const end = sql.indexOf('\n', from)
  return end === -1 ? sql.length : end + 1
}

function endOfBlockComment(sql: string, from: number): number {
  const end = sql.indexOf('*/', from + 2)
  return end === -1 ? sql.length : end + 2
}

function endOfQuoted(sql: string, from: number, quote: string): number {
  let at = from + 1
  while (at < sql.length) {
    const char = sql.charAt(at)
    if (char === '\\') at += 2
    else if (char === quote && sql.charAt(at + 1) === quote) at += 2
    else if (char === quote) return at + 1
    else at++
  }
  return sql.length
}

function heredocTag(sql: string, from: number): string | undefined {
  return /^\$[A-Za-z0-9_]*\$/.exec(sql.slice(from, from + 66))?.[0]
}
