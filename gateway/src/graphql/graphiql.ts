import { createHash } from 'node:crypto'
import { VotestreamError } from '@votestream/schema/errors'
import type { FastifyInstance } from 'fastify'
import { ruruHTML } from 'ruru/server'
import { getStaticFile } from 'ruru/static'
import { nameOperation } from '../policy-routes.js'
import { pageHeaders } from '../security-headers.js'
import { GRAPHIQL_TABS } from './graphiql-tabs.js'
import { GRAPHQL_PATH } from './graphql-path.js'

const PAGE_PATH = '/graphiql'
const STATIC_PATH = `${PAGE_PATH}/static/`

/** A page to try GraphQL on, which needs no other host. */
export const addGraphiql = (app: FastifyInstance): void => {
  nameOperation(app, 'documents')
  const page = ruruHTML({
    endpoint: GRAPHQL_PATH,
    subscriptionEndpoint: GRAPHQL_PATH,
    staticPath: STATIC_PATH,
    htmlParts: {
      titleTag: '<title>Votestream GraphiQL</title>',
      // Before everything else, so that the page finds its tabs.
      configScript: (script) => `${openTabs}${script}`,
    },
  })
  const headers = pageHeaders(policyOf(page))
  app.get(PAGE_PATH, { schema: { hide: true } }, (_request, reply) =>
    reply
      .type('text/html; charset=utf-8')
      .headers({ ...headers, 'cache-control': 'no-cache' })
      .send(page),
  )
  app.get(`${STATIC_PATH}*`, { schema: { hide: true } }, async (request, reply) => {
    const file = await getStaticFile({
      staticPath: STATIC_PATH,
      urlPath: request.url,
      acceptEncoding: request.headers['accept-encoding'],
      disallowDevAssets: true,
    })
    if (!file) throw new VotestreamError('ROUTE_NOT_FOUND')
    return reply.headers({ ...headers, ...file.headers, vary: 'accept-encoding' }).send(file.content)
  })
}

/**
 * Nothing comes from, or goes to, any other host. Of the scripts that stand in the page those run that we put there; its
 * editor sets styles on elements as it draws them, and runs its languages in workers that it makes of texts.
 */
const policyOf = (page: string): string[] => [
  `script-src 'self' ${inlineScripts(page).join(' ')}`,
  "style-src 'self' 'unsafe-inline'",
  "font-src 'self' data:",
  "img-src 'self' data:",
  "connect-src 'self'",
  "worker-src 'self' blob:",
  "form-action 'self'",
]

const inlineScripts = (page: string): string[] =>
  [...page.matchAll(/<script(?![^>]*\ssrc=)[^>]*>([\s\S]*?)<\/script>/g)].map(
    ([, script = '']) => `'sha256-${createHash('sha256').update(script).digest('base64')}'`,
  )

/** The page keeps its tabs in the browser: the first time there are none, and these are put there. */
const storedTabs = {
  tabState: JSON.stringify({
    activeTabIndex: 0,
    tabs: GRAPHIQL_TABS.map((tab, index) => ({
      id: String(index),
      hash: '',
      operationName: tab.title,
      response: null,
      ...tab,
    })),
  }),
  query: GRAPHIQL_TABS[0]?.query ?? '',
  variables: GRAPHIQL_TABS[0]?.variables ?? '',
  shouldPersistHeaders: 'true',
}

const openTabs = `<script>
if (!localStorage.getItem('graphiql:tabState')) {
  for (const [name, value] of Object.entries(${JSON.stringify(storedTabs).replaceAll('<', '\\u003c')})) {
    localStorage.setItem('graphiql:' + name, value)
  }
}
</script>
`
