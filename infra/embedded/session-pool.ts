import { randomUUID } from 'node:crypto'
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Session } from 'chdb'
import { engineUsers } from '../src/access/clickhouse-rights.js'
import type { Role } from './access.js'
import type { DiskGuard } from './disk-guard.js'
import { exceptionCode, QueryException, refusal } from './exception-status.js'
import { sqlName, sqlString } from './sql-text.js'

export interface QueryJob {
  kind: 'read' | 'write'
  sql: string
  format: string
  database: string | undefined
  settings: Map<string, string>
  parameters: Map<string, string>
  /** Whose grants the engine goes by. */
  role: Role
  /** 1: reads only, settings fixed. 2: reads only. */
  readonly: 0 | 1 | 2
  /** Cancels a read that waits or runs. A write that runs is never cancelled: its outcome would be unknown. */
  signal: AbortSignal
}

export interface QueryResult {
  bytes: Uint8Array
  rowsRead: number
  bytesRead: number
  elapsedSeconds: number
}

export interface SessionPoolOptions {
  dataDir: string
  disk: Pick<DiskGuard, 'look'>
  sessionsMax: number
  queueMax: number
  threadsMax: number
}

interface Waiting {
  kind: 'read' | 'write'
  start: () => void
}

export type SessionPool = Awaited<ReturnType<typeof openSessionPool>>

/**
 * Runs queries side by side in one engine. Every query gets a session of its own that is closed behind it, so that no
 * setting, parameter or database of one query can reach another; opening one takes a fraction of a millisecond.
 * One session stays open for the engine's whole life, because the engine ends with its last session.
 */
export async function openSessionPool(options: SessionPoolOptions) {
  const dataDir = resolve(options.dataDir)
  // Bodies and results of queries that a dead process left behind were never acknowledged nor sent.
  const spoolDir = join(dataDir, 'http-spool')
  mkdirSync(spoolDir, { recursive: true })
  for (const name of readdirSync(spoolDir)) rmSync(join(spoolDir, name), { recursive: true, force: true })

  const anchor = new Session(dataDir, { connectionArgs: [`--config-file=${writeConfiguration(dataDir)}`] })
  const facts = (await anchor.queryAsync('SELECT version(), timezone()', { format: 'TabSeparated' }))
    .text()
    .trim()
  const [version = '', timezone = 'UTC'] = facts.split('\t')

  const running = new Set<Promise<unknown>>()
  const tags = new Set<string>()
  const waiting: Waiting[] = []
  const runningOf = { read: 0, write: 0 }
  let state: 'open' | 'closing' = 'open'

  // Reads leave one session to writes: however many long queries analysts start, the archive goes on.
  const hasRoom = (kind: 'read' | 'write') => {
    const all = runningOf.read + runningOf.write
    return (
      all < options.sessionsMax && (kind === 'write' || runningOf.read < Math.max(1, options.sessionsMax - 1))
    )
  }

  function startNext() {
    const at = waiting.findIndex((each) => hasRoom(each.kind))
    if (at !== -1) waiting.splice(at, 1)[0]?.start()
  }

  async function acquire(job: QueryJob): Promise<void> {
    if (state === 'closing') throw refusal('TOO_MANY_SIMULTANEOUS_QUERIES', 'The server is stopping.')
    if (job.signal.aborted) throw cancelled()
    if (hasRoom(job.kind)) {
      runningOf[job.kind]++
      return
    }
    if (waiting.length >= options.queueMax) {
      const sentence = `Too many simultaneous queries. Maximum: ${options.sessionsMax}, waiting: ${options.queueMax}.`
      throw refusal('TOO_MANY_SIMULTANEOUS_QUERIES', sentence)
    }
    await new Promise<void>((start, refuse) => {
      const leave = () => {
        const at = waiting.indexOf(entry)
        if (at === -1) return
        waiting.splice(at, 1)
        refuse(cancelled())
      }
      const entry: Waiting = {
        kind: job.kind,
        start: () => {
          job.signal.removeEventListener('abort', leave)
          runningOf[job.kind]++
          start()
        },
      }
      waiting.push(entry)
      job.signal.addEventListener('abort', leave, { once: true })
    })
  }

  async function execute(job: QueryJob): Promise<QueryResult> {
    const tag = randomUUID()
    let session: Session | undefined
    const kill = () => void killTagged([tag])
    try {
      session = new Session(dataDir)
      // Before anything of the query's own, which then goes by its grants.
      if (job.role !== 'owner') await session.queryAsync(`SET ROLE ${job.role}`)
      if (job.database !== undefined) await session.queryAsync(`USE ${sqlName(job.database)}`)
      for (const sql of preparation(job, tag, options.threadsMax)) await session.queryAsync(sql)
      if (job.signal.aborted) throw cancelled()
      if (job.kind === 'read') {
        tags.add(tag)
        job.signal.addEventListener('abort', kill, { once: true })
      }
      const result = await session.queryAsync(job.sql, { format: job.format })
      options.disk.look()
      const { rowsRead, bytesRead, elapsed } = result
      return { bytes: result.bytes(), rowsRead, bytesRead, elapsedSeconds: elapsed }
    } catch (error) {
      throw asQueryException(error)
    } finally {
      job.signal.removeEventListener('abort', kill)
      tags.delete(tag)
      session?.close()
    }
  }

  // ASYNC: with SYNC the engine waits for a query that in this build it never sees end.
  async function killTagged(ids: string[]) {
    if (ids.length === 0) return
    const list = ids.map(sqlString).join(', ')
    await anchor
      .queryAsync(`KILL QUERY WHERE Settings['log_comment'] IN (${list}) ASYNC FORMAT Null`)
      .catch(() => {
        // The query has ended by itself.
      })
  }

  return {
    version,
    timezone,
    spoolFile: () => join(spoolDir, randomUUID()),
    /** Resolves only when the engine has returned: a write is then as durable as its table's settings make it. */
    async run(job: QueryJob): Promise<QueryResult> {
      await acquire(job)
      const work = execute(job)
      const settled = work.then(
        () => undefined,
        () => undefined,
      )
      running.add(settled)
      try {
        return await work
      } finally {
        running.delete(settled)
        runningOf[job.kind]--
        startNext()
      }
    },
    /** Lets running queries end until the deadline, then cancels the reads. True if the engine closed cleanly. */
    async close(deadlineMs: number): Promise<boolean> {
      state = 'closing'
      const ended = async () => {
        while (running.size > 0) await Promise.all(running)
        return true
      }
      let clean = await before(ended(), deadlineMs)
      if (!clean) {
        await before(
          killTagged([...tags]).then(() => true),
          1_000,
        )
        clean = await before(ended(), 1_000)
      }
      // A session that is closed under a running query takes the engine down with it: leave it to the exit then.
      if (clean) anchor.close()
      return clean
    },
  }
}

/**
 * Where the engine finds who may do what: written anew by every start, from the same table.
 * @returns the configuration's file
 */
function writeConfiguration(dataDir: string): string {
  const folder = join(dataDir, 'http-access')
  mkdirSync(folder, { recursive: true })
  const users = join(folder, 'users.xml')
  const configuration = join(folder, 'config.xml')
  writeFileSync(users, engineUsers())
  writeFileSync(configuration, `<clickhouse><users_config>${xmlText(users)}</users_config></clickhouse>\n`)
  return configuration
}

const xmlText = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

/** The statements that prepare a fresh session. Values stand in literals, never in the text of the query. */
function preparation(job: QueryJob, tag: string, threadsMax: number): string[] {
  const settings = new Map([['async_insert', '0'], ...job.settings])
  const threads = Number(settings.get('max_threads') ?? threadsMax)
  // 0 and 'auto' mean "as many as there are cores", which is the bound.
  settings.set(
    'max_threads',
    String(Number.isInteger(threads) && threads > 0 ? Math.min(threads, threadsMax) : threadsMax),
  )
  settings.set('log_comment', tag)
  if (job.readonly !== 0) settings.delete('readonly')
  const assignments = [
    ...[...settings].map(([name, value]) => `${name} = ${sqlString(value)}`),
    ...[...job.parameters].map(([name, value]) => `param_${name} = ${sqlString(value)}`),
  ]
  const statements = [`SET ${assignments.join(', ')}`]
  // Last, since nothing can be set after it.
  if (job.readonly !== 0) statements.push(`SET readonly = ${job.readonly}`)
  return statements
}

function asQueryException(error: unknown): QueryException {
  if (error instanceof QueryException) return error
  const message = error instanceof Error ? error.message : String(error)
  const code = error instanceof Error && 'clickhouseCode' in error ? Number(error.clickhouseCode) : undefined
  const shown = message.replace(OWN_CLAUSES, '')
  return new QueryException(code || exceptionCode.STD_EXCEPTION, shown, { cause: error })
}

/** What this server adds to a query, and the engine cites in a syntax error: it is not the client's, nor is the path. */
const OWN_CLAUSES = /\s*(INTO OUTFILE|FROM INFILE) '(?:[^'\\]|\\.)*'( TRUNCATE FORMAT \S+)?/g

function cancelled(): QueryException {
  return refusal('QUERY_WAS_CANCELLED', 'Query was cancelled.')
}

async function before(work: Promise<boolean>, deadlineMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((end) => {
    timer = setTimeout(() => end(false), deadlineMs)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
