import type { IncomingMessage, ServerResponse } from 'node:http'
import { z } from 'zod'
import type { PrivateRoute, PrivateRoutes } from '../health-server.js'
import { LOG_LEVELS } from '../log-levels.js'
import { createCredential } from './credential.js'
import { type Diagnostics, DiagnosticsError } from './diagnostics.js'
import type { ProfileKind } from './profiles.js'

const profileQuery = z.object({
  seconds: z.coerce.number().int().min(1).max(60).default(10),
  worker: z.coerce.number().int().min(1).max(256).default(1),
})
const levelBody = z.strictObject({
  level: z.enum(LOG_LEVELS),
  /** Seconds after which it is again what it was at the start. */
  for: z.number().int().min(1).max(86_400).default(600),
})
const BODY_BYTES_MAX = 1_024

type Answer = readonly [type: string, body: string | Uint8Array]

interface DiagnosticRoutesOptions {
  /** Undefined: there are none. */
  readonly token: string | undefined
  readonly diagnostics: Diagnostics
}

/**
 * `GET /debug/pprof/profile` and `/debug/pprof/heap` (`?seconds=1…60&worker=1`), `GET` and `PUT /log-level`: on the private
 * port, for whoever shows the token. They tell of functions and sizes, and nothing of what a process works on.
 */
export const diagnosticRoutes = ({ token, diagnostics }: DiagnosticRoutesOptions): PrivateRoutes => {
  if (token === undefined) return new Map()
  const isKnown = createCredential(token)
  const guarded = (methods: readonly string[], answer: (request: IncomingMessage) => Promise<Answer>) => {
    const route: PrivateRoute = async (request, response) => {
      if (!isKnown(request.headers.authorization)) {
        response.setHeader('www-authenticate', 'Bearer')
        return send(response, 401, TEXT, 'a token is needed\n')
      }
      if (!methods.includes(request.method ?? '')) {
        response.setHeader('allow', methods.join(', '))
        return send(response, 405, TEXT, 'not in this way\n')
      }
      try {
        const [type, body] = await answer(request)
        send(response, 200, type, body)
      } catch (error) {
        const told = toldOf(error)
        send(response, told.status, TEXT, `${told.message}\n`)
      }
    }
    return route
  }
  const profile = (kind: ProfileKind) =>
    guarded(['GET'], async ({ url = '' }) => {
      const asked = profileQuery.parse(Object.fromEntries(new URL(url, 'http://private').searchParams))
      return ['application/octet-stream', await diagnostics.profile({ kind, ...asked })]
    })
  return new Map([
    ['/debug/pprof/profile', profile('cpu')],
    ['/debug/pprof/heap', profile('heap')],
    [
      '/log-level',
      guarded(['GET', 'PUT'], async (request) => {
        if (request.method === 'GET') return ['application/json', json(diagnostics.logLevel())]
        const { level, for: seconds } = levelBody.parse(await bodyOf(request))
        return ['application/json', json(await diagnostics.changeLogLevel(level, seconds))]
      }),
    ],
  ])
}

const TEXT = 'text/plain; charset=utf-8'
const json = (value: unknown): string => `${JSON.stringify(value)}\n`

const send = (response: ServerResponse, status: number, type: string, body: string | Uint8Array): void => {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) }).end(body)
}

const toldOf = (
  error: unknown,
): Pick<DiagnosticsError, 'status' | 'message'> | { status: 500; message: string } => {
  if (error instanceof DiagnosticsError) return error
  if (error instanceof z.ZodError) {
    const faults = error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
    return { status: 400, message: faults.join('\n') }
  }
  return { status: 500, message: error instanceof Error ? error.message : String(error) }
}

/** @throws DiagnosticsError for what is too large, or no JSON */
const bodyOf = async (request: IncomingMessage): Promise<unknown> => {
  let text = ''
  for await (const chunk of request) {
    text += String(chunk)
    if (text.length > BODY_BYTES_MAX) throw new DiagnosticsError(400, 'the body is too large')
  }
  try {
    return JSON.parse(text)
  } catch {
    throw new DiagnosticsError(400, 'the body is no JSON')
  }
}
