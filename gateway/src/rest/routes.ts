import type { OpaqueIds } from '@votestream/schema/opaque-ids'
import type { FastifyInstance } from 'fastify'
import type { Accounts } from '../accounts.js'
import type { Admission } from '../admission/admission.js'
import { type Caller, requireToken } from '../caller.js'
import type { Decisions } from '../decisions.js'
import type { Events } from '../events.js'
import type { Broadcasts } from '../live/broadcasts.js'
import type { LiveBoards } from '../live/live-boards.js'
import type { LiveConnections } from '../live/open-counts.js'
import { authorize, isOpen } from '../policy.js'
import { operationOf } from '../policy-routes.js'
import type { TokenVerifier } from '../tokens.js'
import type { Voting } from '../voting.js'
import { accountRoutes } from './account-routes.js'
import { decisionRoutes } from './decision-routes.js'
import { eventRoutes } from './event-routes.js'
import { leaderboardRoutes } from './leaderboard-routes.js'
import { problem } from './schemas.js'
import type { SubmitVote } from './submit-vote.js'
import { createValidatorCompiler } from './validation.js'
import { voteRoutes } from './vote-routes.js'

export interface RestDeps {
  readonly accounts: Pick<Accounts, 'register' | 'login'>
  readonly events: Events
  readonly voting: Voting
  readonly decisions: Decisions
  /** Whether what is followed may be followed on. */
  readonly tokens: Pick<TokenVerifier, 'stillValid' | 'onRevocation'>
  readonly admission: Pick<Admission, 'enter' | 'enterOpen'>
  readonly ids: OpaqueIds
  readonly liveBoards: Pick<LiveBoards, 'watch'>
  readonly broadcasts: Broadcasts
  readonly connections: LiveConnections
  /** How long a copy of a leaderboard may be shown, by whoever keeps one. */
  readonly leaderboardMaxAgeSeconds: number
  /** How long what is followed goes on when the token has expired. */
  readonly expiryGraceMs: number
  /** Over how long streams are ended when the gateway stops. */
  readonly drainMs: number
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks; on every route for which the policy asks for a token. */
    caller: Caller
  }
  interface FastifyContextConfig {
    /** `own`: it admits its requests by itself, since it knows who asks; `none`: nobody may be refused. */
    admission?: 'own' | 'none'
  }
}

/** REST v1, on a Fastify instance of its own. */
export const restRoutes =
  (deps: RestDeps & { readonly submitVote: SubmitVote }) =>
  (app: FastifyInstance, _options: object, done: () => void): void => {
    app.setValidatorCompiler(createValidatorCompiler())
    app.addSchema(problem)
    // Set before any handler runs; where the policy asks for no token there is none, and nobody looks.
    app.decorateRequest('caller', null as never)
    app.addHook('onRoute', (route) => {
      route.config = { ...route.config, admission: 'own' }
      const operation = operationOf(route)
      // A server with a route that names none does not start.
      if (operation === undefined) return
      route.config = { ...route.config, operation }
      const open = isOpen(operation)
      // Before the body is read: who asks too often, or may not, is told so whatever the body holds, and sends none in vain.
      route.onRequest = (request, _reply, next) => {
        const letIn = (caller: Caller | undefined): void => {
          if (open) return
          request.caller = requireToken(caller)
          authorize(operation, request.caller)
        }
        try {
          const { admission } = deps
          const entered = open
            ? admission.enterOpen(request.raw, 'rest')
            : admission.enter(request.raw, 'rest', 1)
          if (entered instanceof Promise) {
            entered.then(letIn).then(() => next(), next)
            return
          }
          letIn(entered)
        } catch (error) {
          next(error as Error)
          return
        }
        next()
      }
    })
    void app.register(accountRoutes(deps))
    void app.register(eventRoutes(deps))
    void app.register(leaderboardRoutes(deps))
    void app.register(voteRoutes(deps, deps.submitVote))
    void app.register(decisionRoutes(deps))
    done()
  }
