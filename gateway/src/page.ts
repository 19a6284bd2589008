import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { nameOperation } from './policy-routes.js'
import { pageHeaders } from './security-headers.js'
import type { ViewerTokens } from './viewer-tokens.js'

export interface PageOptions {
  readonly viewerTokens: ViewerTokens
  /** The share of page loads that measure; 0: none does. */
  readonly rumRatio?: number
  /** The built page: index.html, and files whose names hold a hash of what is in them below assets/. */
  readonly folder?: string
}

const BUILT_PAGE = fileURLToPath(new URL('../../web/dist', import.meta.url))

/** Paths that the page itself understands; every other path stays a 404. */
const PAGE_PATHS = ['/', '/event/:id', '/new']

/** Scripts, styles and images from here only, connections to here only, in nobody's frame. */
const PAGE_HEADERS = pageHeaders([
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "manifest-src 'self'",
  "form-action 'self'",
])

const YEAR_MS = 365 * 24 * 60 * 60 * 1_000

/** The live page, and the tokens that its visitors read with. */
export const pageRoutes =
  ({ viewerTokens, rumRatio = 0, folder = BUILT_PAGE }: PageOptions) =>
  async (app: FastifyInstance): Promise<void> => {
    nameOperation(app, 'page')
    const hidden = { config: { operation: 'viewerToken' }, schema: { hide: true } } as const
    app.post('/viewer-token', hidden, (request, reply) => {
      const token = viewerTokens.issue(request.ip)
      // Every visitor of an event asks for one, so this is how the page learns it without another request.
      const measuring = rumRatio > 0 ? { rum_ratio: rumRatio } : {}
      return reply.header('cache-control', 'no-store').send({ token, ...measuring })
    })
    // Without a build there is no page, and everything else works.
    if (!existsSync(join(folder, 'index.html'))) return
    await app.register(fastifyStatic, {
      root: folder,
      // One route for each file that is there now: no other path is shadowed.
      wildcard: false,
      index: false,
      preCompressed: true,
      schemaHide: true,
      cacheControl: false,
      globIgnore: ['**/*.br', '**/*.gz', 'index.html'],
      setHeaders: (reply, path) => {
        reply.headers(PAGE_HEADERS)
        const lasting = path.includes('/assets/')
        const caching = lasting ? `public, max-age=${YEAR_MS / 1_000}, immutable` : 'no-cache'
        reply.header('cache-control', caching)
      },
    })
    const sendPage = (_request: unknown, reply: FastifyReply) => reply.sendFile('index.html')
    for (const path of PAGE_PATHS) app.get(path, { schema: { hide: true } }, sendPage)
  }
