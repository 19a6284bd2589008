import { rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { hostname } from 'node:os'
import { ANALYST_LIMITS } from '../src/access/clickhouse-rights.js'
import type { createAccess, User } from './access.js'
import { exceptionCode, QueryException, refusal } from './exception-status.js'
import { addMultipart } from './multipart.js'
import { credentialsOf, parseQueryRequest, type QueryRequest } from './query-request.js'
import { type BodyLimits, createRequestBody } from './request-body.js'
import { contentTypeOf, type ResultBody, responseEncoding, sendResult } from './response-body.js'
import type { QueryResult, SessionPool } from './session-pool.js'
import { analyzeStatement, type Statement } from './statement.js'

export interface HttpServerDeps {
  access: ReturnType<typeof createAccess>
  sessions: SessionPool
  limits: BodyLimits
}

/** ClickHouse's HTTP interface. */
export function createHttpServer(deps: HttpServerDeps) {
  return createServer(
    { keepAliveTimeout: 10_000, requestTimeout: 0, maxHeaderSize: 1024 * 1024 },
    (request, response) => {
      response.setHeader('X-ClickHouse-Server-Display-Name', hostname())
      void handle(deps, request, response)
    },
  )
}

async function handle(deps: HttpServerDeps, request: IncomingMessage, response: ServerResponse) {
  const spooled: string[] = []
  try {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1')
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    const alive = url.pathname === '/ping' || url.pathname === '/replicas_status'
    if (isRead && (alive || (url.pathname === '/' && !url.searchParams.has('query')))) {
      response.setHeader('Content-Type', 'text/html; charset=UTF-8').end('Ok.\n')
      return
    }
    if (url.pathname !== '/') {
      answerText(
        request,
        response,
        404,
        `There is no handle ${url.pathname}\n\nUse / or /ping for health checks.\n`,
      )
      return
    }
    if (!isRead && request.method !== 'POST') {
      answerText(request, response, 405, 'Use GET or POST.\n')
      return
    }
    await answerQuery(deps, url, request, response, spooled)
  } catch (error) {
    answerException(deps.sessions.version, request, response, error)
  } finally {
    for (const file of spooled) rmSync(file, { force: true })
  }
}

async function answerQuery(
  { access, sessions, limits }: HttpServerDeps,
  url: URL,
  request: IncomingMessage,
  response: ServerResponse,
  spooled: string[],
) {
  const user = access.authenticate(credentialsOf(url, request.headers))
  const query = parseQueryRequest(request.method ?? 'GET', url, request.headers)
  if (user.role !== 'owner') confine(query)
  if (user.role === 'analyst') limit(query.settings)
  const gone = new AbortController()
  response.once('close', () => {
    if (!response.writableFinished) gone.abort()
  })
  const body = createRequestBody(request, limits)
  const { statement, data } = await readStatement(query, body, request, user, limits)
  const newFile = () => {
    const file = sessions.spoolFile()
    spooled.push(file)
    return file
  }

  const job = {
    ...query,
    role: user.role,
    readonly: readonlyLevel(user, query),
    signal: gone.signal,
    kind: 'write' as const,
  }
  if (statement.kind === 'refused') throw statement.exception
  if (statement.kind === 'insert') {
    const file = newFile()
    // Dying here loses a body that was not acknowledged: the client sends it again.
    await body.spool(file, data)
    const result = await sessions.run({ ...job, sql: statement.insertSql(file), format: 'TabSeparated' })
    // Dying here loses the acknowledgement, not the rows: the client sends identical rows again.
    setHeaders(response, sessions, query, result, { rows: result.rowsRead, bytes: result.bytesRead })
    response.setHeader('Content-Type', 'text/plain; charset=UTF-8').end()
    return
  }
  let result: QueryResult
  let answer: ResultBody
  if (statement.kind === 'read') {
    const file = newFile()
    result = await sessions.run({
      ...job,
      kind: 'read',
      sql: statement.resultSql(file),
      format: statement.format,
    })
    answer = { kind: 'file', file }
  } else {
    result = await sessions.run({ ...job, sql: statement.sql, format: statement.format })
    answer = { kind: 'bytes', bytes: result.bytes }
  }
  setHeaders(response, sessions, query, result, { rows: 0, bytes: 0 })
  response.setHeader('X-ClickHouse-Format', statement.format)
  response.setHeader('Content-Type', contentTypeOf(statement.format))
  const compress = query.settings.get('enable_http_compression') ?? '0'
  await sendResult(response, answer, responseEncoding(request, compress === '1' || compress === 'true'))
}

/** The statement may stand in the address, in the body, or begin in one and go on in the other. */
async function readStatement(
  query: QueryRequest,
  body: ReturnType<typeof createRequestBody>,
  request: IncomingMessage,
  user: User,
  limits: BodyLimits,
): Promise<{ statement: Statement; data: Buffer }> {
  const analyze = (bytes: Buffer) =>
    analyzeStatement(bytes.toString('latin1'), query.defaultFormat, user.role)
  const inAddress = Buffer.from(query.query, 'utf8')
  if (inAddress.length > 0) {
    const statement = analyze(inAddress)
    if (statement.kind === 'insert') return { statement, data: inAddress.subarray(statement.dataAt) }
  }
  const head = await body.head()
  const multipart = /^multipart\/form-data;.*boundary="?([^";]+)/i.exec(
    request.headers['content-type'] ?? '',
  )?.[1]
  if (multipart !== undefined && head.complete) {
    const text = addMultipart(head.bytes, multipart, query)
    return { statement: analyze(Buffer.concat([inAddress, text])), data: Buffer.alloc(0) }
  }
  const bytes = Buffer.concat([
    inAddress,
    ...(inAddress.length > 0 && head.bytes.length > 0 ? [Buffer.from('\n')] : []),
    head.bytes,
  ])
  const statement = analyze(bytes)
  if (statement.kind === 'insert') return { statement, data: bytes.subarray(statement.dataAt) }
  if (!head.complete) {
    throw refusal(
      'SYNTAX_ERROR',
      `Syntax error: the query is longer than ${limits.queryBytesMax} bytes (max_query_size).`,
    )
  }
  return { statement, data: Buffer.alloc(0) }
}

function readonlyLevel(user: User, query: QueryRequest): 0 | 1 | 2 {
  if (user.role === 'analyst' || user.role === 'gateway') return 1
  return query.readonly ? 2 : 0
}

/** Some output settings name files that the engine would read with this process's rights. */
function confine(query: QueryRequest) {
  if (query.database?.toLowerCase() === 'system') {
    throw refusal('READONLY', 'The database system cannot be chosen: say which table of it you mean.')
  }
  const fault = [...query.settings.keys()].find((name) =>
    /^(format_(schema|template)|.*_path$|.*_file$)/.test(name),
  )
  if (fault !== undefined) throw refusal('READONLY', `Cannot modify '${fault}' setting in readonly mode.`)
}

/** Less than the limit may be asked for; 0 is no limit to the engine. */
function limit(settings: Map<string, string>) {
  for (const [name, most] of Object.entries(ANALYST_LIMITS)) {
    const asked = Number(settings.get(name) ?? 0)
    settings.set(name, String(asked > 0 && asked < most ? asked : most))
  }
}

function setHeaders(
  response: ServerResponse,
  sessions: SessionPool,
  query: QueryRequest,
  result: QueryResult,
  written: { rows: number; bytes: number },
) {
  response.setHeader('X-ClickHouse-Query-Id', headerText(query.queryId))
  response.setHeader('X-ClickHouse-Timezone', sessions.timezone)
  const summary = {
    read_rows: String(result.rowsRead),
    read_bytes: String(result.bytesRead),
    written_rows: String(written.rows),
    written_bytes: String(written.bytes),
    total_rows_to_read: '0',
    result_rows: String(written.rows),
    result_bytes: String(written.bytes),
    elapsed_ns: String(Math.round(result.elapsedSeconds * 1e9)),
  }
  response.setHeader('X-ClickHouse-Summary', JSON.stringify(summary))
}

function headerText(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '?')
}

function answerException(
  version: string,
  request: IncomingMessage,
  response: ServerResponse,
  error: unknown,
) {
  if (response.headersSent || response.destroyed) {
    // What was sent cannot be taken back; a cut connection is the only sign that the rest is missing.
    response.destroy()
    return
  }
  const known = error instanceof QueryException ? error : undefined
  const code = known?.exceptionCode ?? exceptionCode.STD_EXCEPTION
  const status = known?.httpStatus ?? 500
  const text = known?.message ?? `Code: ${code}. DB::Exception: The embedded server failed. (STD_EXCEPTION)`
  if (known === undefined) console.error(error)
  for (const name of ['Content-Encoding', 'Content-Length']) response.removeHeader(name)
  response.setHeader('X-ClickHouse-Exception-Code', code)
  if (status === 401) response.setHeader('WWW-Authenticate', 'Basic realm="ClickHouse server HTTP API"')
  if (status === 503) response.setHeader('Retry-After', 1)
  answerText(request, response, status, `${text.trimEnd()} (version ${version} (chDB))\n`)
}

function answerText(request: IncomingMessage, response: ServerResponse, status: number, text: string) {
  // An unread body would be taken for the next request.
  if (!request.complete) response.setHeader('Connection', 'close')
  response.statusCode = status
  response.setHeader('Content-Type', 'text/plain; charset=UTF-8')
  response.end(text)
}
