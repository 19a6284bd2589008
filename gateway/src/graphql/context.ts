import type { OpenSpan } from '@votestream/infra/telemetry/tracing'
import { VotestreamError } from '@votestream/schema/errors'
import type { Api } from '../admission/limits.js'
import type { BoardNews } from '../board.js'
import type { Caller } from '../caller.js'
import type { Deadline } from '../deadlines.js'
import type { AnswerBudget } from './answer-budget.js'
import type { Loaders } from './loaders.js'
import type { SubscriptionSources } from './subscription-sources.js'

/** How an operation came in. */
export interface Incoming {
  readonly api?: Api
  /** Undefined where no token was sent. */
  readonly caller: Caller | undefined
  /** As the client sent it: an HTTP header, or among the operation's `extensions` on a socket. */
  readonly idempotencyKey: string | string[] | undefined
  /** W3C trace context, sent in the same way. */
  readonly traceParent: string | string[] | undefined
  /** What it is part of, where it is sampled: its request, and then its operation. */
  readonly trace?: OpenSpan | undefined
  /** As the client showed it. */
  readonly apiKey?: string | string[] | undefined
  /** Undefined for what goes on for as long as somebody looks. */
  readonly deadline: Deadline | undefined
  /** Where it came from; asked for by few. Absent where it was executed for nobody in particular. */
  readonly address?: (() => string) | undefined
}

/** What every resolver of one operation sees. */
export interface GraphqlContext extends Incoming {
  trace?: OpenSpan | undefined
  loaders(): Loaders
  readonly budget: AnswerBudget
  readonly sources: SubscriptionSources
  /** Over HTTP, before the operation runs: what it costs, in requests. @throws VotestreamError RATE_LIMITED */
  readonly settle?: ((cost: number) => Promise<void> | undefined) | undefined
  /** Of the board that a subscription was answered with last. */
  since?: BoardNews | undefined
  /** How many votes the answer acknowledges. In an object of its own: the server's library copies the context. */
  readonly acknowledged: { votes: number }
}

/** @throws VotestreamError UNAUTHENTICATED */
export const requireCaller = ({ caller }: Pick<GraphqlContext, 'caller'>): Caller => {
  if (!caller) throw new VotestreamError('UNAUTHENTICATED')
  return caller
}
