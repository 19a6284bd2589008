import { SYSTEM_TABLES_READ } from '../src/access/clickhouse-rights.js'
import type { Role } from './access.js'
import { type exceptionCode, type QueryException, refusal } from './exception-status.js'
import { sqlString, type Token, tokensOf } from './sql-text.js'

/**
 * What has to happen for a statement:
 * - `read`: its result may be large; the engine writes it to a file (`resultSql`)
 * - `insert`: data follows from `dataAt` on (and in the body); the engine reads it from a file (`insertSql`)
 * - `command`: everything else; its result, if any, is small
 */
export type Statement =
  | { kind: 'read'; format: string; resultSql: (file: string) => string }
  | { kind: 'insert'; dataAt: number; insertSql: (file: string) => string }
  | { kind: 'command'; sql: string; format: string; verb: string }
  | { kind: 'refused'; exception: QueryException }

const reads = new Set(['SELECT', 'WITH', 'FROM', '('])
const verbs = new Set(
  (
    'SELECT WITH FROM ( SHOW DESCRIBE DESC EXPLAIN EXISTS INSERT CREATE ALTER DROP TRUNCATE RENAME EXCHANGE DELETE ' +
    'UPDATE OPTIMIZE SET USE SYSTEM KILL ATTACH DETACH UNDROP GRANT REVOKE CHECK BACKUP RESTORE MOVE REPLACE ' +
    'EXECUTE BEGIN COMMIT ROLLBACK WATCH PARALLEL COPY'
  ).split(' '),
)
const readVerbs = new Set([...reads, 'SHOW', 'DESCRIBE', 'DESC', 'EXPLAIN', 'EXISTS'])
const writeVerbs = new Set([...readVerbs, 'INSERT', 'ALTER'])

// The engine's own grants decide on tables. What they do not decide on is stopped here: the engine runs with this
// process's rights and does not confine file names, so `file()` as a scalar function reads whatever this process may.
// Table functions that lead outside are stopped twice.
const outwardTables =
  /^(file|fileCluster|filesystem|url|urlCluster|s3|s3Cluster|gcs|oss|cosn|azureBlobStorage.*|hdfs.*|remote|remoteSecure|cluster|clusterAllReplicas|mysql|postgresql|mongodb|redis|sqlite|odbc|jdbc|executable|iceberg.*|deltaLake.*|hudi.*|paimon.*|ytsaurus|arrowFlight|arrowStream|dictionary|loop|merge|python|input)$/i
// eval() runs a text that nobody here has looked at.
const unreadable = /^eval$/i
// A scalar function needs no bracket behind its name: APPLY and arrayMap take the name alone.
const outwardScalars = /^(file|catboostEvaluate|ai(Classify|Embed|Extract|Generate|Translate))$/i

/**
 * Decides what to do with a statement. `sql` is text with one character per byte, up to any length of data behind it.
 * `defaultFormat` applies where the statement names no format. Pure.
 */
export function analyzeStatement(sql: string, defaultFormat: string, role: Role): Statement {
  if (!/^\w+$/.test(defaultFormat)) return refuse('UNKNOWN_FORMAT', `Unknown format ${defaultFormat}.`)
  const tokens: Token[] = []
  for (const token of tokensOf(sql)) {
    const previous = tokens.at(-1)
    tokens.push(token)
    if (tokens[0]?.text !== 'INSERT' || token.depth !== 0) continue
    const dataFormat = insertDataFormat(sql, previous, token, tokens)
    if (dataFormat !== undefined) return insertStatement(sql, tokens, dataFormat, role)
  }
  return wholeStatement(sql, tokens, defaultFormat, role)
}

function insertDataFormat(
  sql: string,
  previous: Token | undefined,
  token: Token,
  tokens: Token[],
): string | undefined {
  if (tokens.some((each) => each.depth === 0 && each.kind === 'word' && each.text === 'SELECT'))
    return undefined
  if (token.kind !== 'word' || tokens.length < 4) return undefined
  if (previous?.kind === 'word' && previous.text === 'FORMAT') return sql.slice(token.start, token.end)
  return token.text === 'VALUES' && previous?.text !== 'FORMAT' ? 'Values' : undefined
}

function insertStatement(sql: string, tokens: Token[], format: string, role: Role): Statement {
  if (role !== 'owner' && role !== 'processor') return refuse('READONLY', REFUSED)
  if (hasPair(tokens, 'FROM', 'INFILE'))
    return refuse('NOT_IMPLEMENTED', 'FROM INFILE is not allowed over HTTP.')
  const top = tokens.filter((token) => token.depth === 0 && token.kind === 'word')
  const last = tokens.at(-1)
  const clause =
    top.find((token) => token.text === 'SETTINGS') ?? top.find((token) => token.text === 'FORMAT') ?? last
  const tail = top.find((token) => token.text === 'FORMAT') ?? last
  const head = utf8(sql.slice(0, clause?.start))
  const settings = utf8(sql.slice(clause?.start, tail?.start))
  return {
    kind: 'insert',
    dataAt: dataStart(sql, last?.end ?? sql.length, format),
    insertSql: (file) => `${head}\nFROM INFILE ${sqlString(file)} ${settings}\nFORMAT ${format}`,
  }
}

/** ClickHouse skips blanks and one line break between the format's name and the data. */
function dataStart(sql: string, from: number, format: string): number {
  if (format === 'Values') return from
  let at = from
  while (' \t\f'.includes(sql.charAt(at)) && at < sql.length) at++
  if (sql.charAt(at) === ';' && sql.slice(at + 1).trim() === '') return sql.length
  if (sql.charAt(at) === '\r') at++
  if (sql.charAt(at) === '\n') at++
  return at
}

function wholeStatement(sql: string, all: Token[], defaultFormat: string, role: Role): Statement {
  const end = all.findIndex((token) => token.text === ';' && token.kind === 'mark')
  if (end !== -1 && all.slice(end).some((token) => token.text !== ';')) {
    const position = (all[end]?.start ?? 0) + 1
    const sentence = `Syntax error (Multi-statements are not allowed): failed at position ${position} (end of query) (;)`
    return refuse('SYNTAX_ERROR', sentence)
  }
  const tokens = end === -1 ? all : all.slice(0, end)
  const first = tokens[0]
  if (first === undefined)
    return refuse('SYNTAX_ERROR', 'Syntax error: failed at position 1 (end of query): empty query')
  // The engine would say so as well, but a word goes there only when it is known, unless it is the owner's.
  if (role !== 'owner' && !verbs.has(first.text)) {
    const word = sql.slice(first.start, first.end)
    const position = first.start + 1
    return refuse('SYNTAX_ERROR', `Syntax error: failed at position ${position} (${word}): ${word}`)
  }
  const fault = forbiddenPart(tokens, role)
  if (fault !== undefined) return { kind: 'refused', exception: fault }
  const verb = first.text
  const body = { sql, end: tokens.at(-1)?.end ?? sql.length }
  const clause = formatClause(body.sql, tokens)
  const format = clause?.format ?? defaultFormat
  const inserts = verb === 'WITH' && hasPair(tokens, 'INSERT', 'INTO')
  if (!reads.has(verb) || inserts) return { kind: 'command', sql: utf8(sql.slice(0, body.end)), format, verb }
  const head = utf8(sql.slice(0, clause?.start ?? body.end))
  const rest = clause === undefined ? '' : utf8(sql.slice(clause.end, body.end))
  return {
    kind: 'read',
    format,
    resultSql: (file) => `${head}\nINTO OUTFILE ${sqlString(file)} TRUNCATE FORMAT ${format} ${rest}`,
  }
}

function forbiddenPart(tokens: Token[], role: Role): QueryException | undefined {
  if (hasPair(tokens, 'INTO', 'OUTFILE'))
    return refusal('INTO_OUTFILE_NOT_ALLOWED', 'INTO OUTFILE is not allowed.')
  if (hasPair(tokens, 'FROM', 'INFILE'))
    return refusal('NOT_IMPLEMENTED', 'FROM INFILE is not allowed over HTTP.')
  const called = (pattern: RegExp) =>
    tokens.some(
      (token, at) => token.kind !== 'string' && pattern.test(token.text) && tokens[at + 1]?.text === '(',
    )
  if (tokens[0]?.text === 'INSERT' && called(/^input$/i))
    return refusal('NOT_IMPLEMENTED', 'input() is not available.')
  if (role === 'owner') return undefined
  // A quoted name may hide its letters behind escapes; no table of ours needs one.
  const escaped = tokens.some((token) => token.kind === 'quoted' && token.text.includes('\\'))
  const named = tokens.some((token) => token.kind !== 'string' && outwardScalars.test(token.text))
  const outward = escaped || named || called(outwardTables) || called(unreadable)
  const allowed = (role === 'processor' ? writeVerbs : readVerbs).has(tokens[0]?.text ?? '')
  if (!allowed || outward || isProcessList(tokens)) return refusal('READONLY', REFUSED)
  return tokens.some((token, at) => isInsideSystem(token, tokens[at + 1], tokens[at + 2]))
    ? refusal('READONLY', `${REFUSED} Of the database system, ${SYSTEM_TABLES_READ.join(', ')} can be read.`)
    : undefined
}

const REFUSED = 'This user cannot execute this query: it reads, and reads tables of its own database alone.'

const isProcessList = (tokens: readonly Token[]): boolean =>
  tokens[0]?.text === 'SHOW' && tokens.some(({ text }) => /^processlist$/i.test(text))

/** The engine lets everybody read every table of the system. */
const isInsideSystem = (token: Token, dot: Token | undefined, table: Token | undefined): boolean => {
  if (!isName(token) || !/^system$/i.test(token.text)) return false
  if (dot?.text !== '.' || dot.kind !== 'mark') return false
  return !(table && isName(table) && SYSTEM_TABLES_READ.some((known) => known === table.text.toLowerCase()))
}

const isName = ({ kind }: Token): boolean => kind === 'word' || kind === 'quoted'

function formatClause(
  sql: string,
  tokens: Token[],
): { format: string; start: number; end: number } | undefined {
  const at = tokens.findLastIndex(
    (token) => token.depth === 0 && token.kind === 'word' && token.text === 'FORMAT',
  )
  const [keyword, name, after] = [tokens[at], tokens[at + 1], tokens[at + 2]]
  if (at < 1 || keyword === undefined || name?.kind !== 'word') return undefined
  if (after !== undefined && after.text !== 'SETTINGS') return undefined
  return { format: sql.slice(name.start, name.end), start: keyword.start, end: name.end }
}

function hasPair(tokens: Token[], first: string, second: string): boolean {
  return tokens.some(
    (token, at) =>
      token.kind === 'word' &&
      token.text === first &&
      tokens[at + 1]?.text === second &&
      tokens[at + 1]?.kind === 'word',
  )
}

function refuse(name: keyof typeof exceptionCode, sentence: string): Statement {
  return { kind: 'refused', exception: refusal(name, sentence) }
}

function utf8(latin1: string): string {
  return Buffer.from(latin1, 'latin1').toString('utf8')
}
