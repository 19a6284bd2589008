import type { OpenSpan } from '@votestream/infra/telemetry/tracing'
import { type ExecutionArgs, type ExecutionResult, execute } from 'graphql'
import type { OpenDeadline } from '../deadlines.js'
import type { RequestMetrics } from '../request-metrics.js'
import type { GraphqlContext } from './context.js'
import { errorCodeOf } from './graphql-errors.js'
import { endOperation } from './operation-traces.js'

/** What has to be answered in time. */
export interface TimedArgs extends ExecutionArgs {
  readonly contextValue: GraphqlContext
  readonly deadline: OpenDeadline
  /** Resolves when its time is up. */
  readonly expired: Promise<ExecutionResult>
  readonly trace: OpenSpan | undefined
}

export const isTimed = (args: ExecutionArgs): args is TimedArgs => 'expired' in args

export const executeInTime = async ({
  deadline,
  expired,
  trace,
  ...args
}: TimedArgs): Promise<ExecutionResult> => {
  try {
    const result = await Promise.race([execute(args), expired])
    if (trace) endOperation(trace, errorCodeOf(result.errors?.[0]))
    return result
  } finally {
    deadline.done()
  }
}

/** The votes of an answer that is about to be sent. */
export const acknowledgeVotes = ({ contextValue, deadline }: TimedArgs, metrics: RequestMetrics): void => {
  const { acknowledged, traceParent } = contextValue
  for (let vote = 0; vote < acknowledged.votes; vote += 1)
    metrics.acknowledged('websocket', deadline.beganAtMs, traceParent)
}
