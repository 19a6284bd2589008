import type { Admission } from '../admission/admission.js'
import { requireToken } from '../caller.js'
import type { Door, DoorAnswer } from '../doors.js'
import { parseJson } from '../json-body.js'
import { authorize } from '../policy.js'
import { toVotestreamError } from '../problems.js'
import type { LoggedRequest } from '../request-log.js'
import { NO_REQUEST_METRICS, type RequestMetrics } from '../request-metrics.js'
import type { RequestSpan } from '../request-trace.js'
import { NO_REQUEST_TRACES, type RequestTraces } from '../request-traces.js'
import { submitVoteBody } from './schemas.js'
import type { SubmitVote, SubmitVoteRequest } from './submit-vote.js'
import { createSchemaChecks } from './validation.js'
import { SUBMIT_VOTE_PATH } from './vote-routes.js'

interface VoteDoorOptions {
  readonly admission: Pick<Admission, 'enter'>
  readonly submitVote: SubmitVote
  /** The answer to whatever was thrown. */
  readonly answerTo: (error: unknown, request: LoggedRequest, trace?: RequestSpan) => DoorAnswer
  readonly traces?: RequestTraces
  readonly metrics?: RequestMetrics | undefined
}

const HEADERS = Object.freeze({ 'content-type': 'application/json; charset=utf-8' })

/** Votes over REST: the same checks as on their route, of the same functions, in the same order. */
export const createVoteDoor = (options: VoteDoorOptions): Door => {
  const {
    admission,
    submitVote,
    answerTo,
    traces = NO_REQUEST_TRACES,
    metrics = NO_REQUEST_METRICS,
  } = options
  const checkedBody = createBodyCheck()
  return {
    url: SUBMIT_VOTE_PATH,
    async take(request, body, deadline) {
      const trace = traces.begin(request, SUBMIT_VOTE_PATH)
      try {
        const entered = admission.enter(request, 'rest', 1)
        const caller = requireToken(entered instanceof Promise ? await entered : entered)
        authorize('submitVote', caller)
        const { headers } = request
        const accepted = await submitVote({
          body: checkedBody(parseJson(body)),
          headers,
          caller,
          deadline,
          trace: trace?.context,
        })
        const answer: DoorAnswer = {
          code: 'OK',
          status: 200,
          headers: HEADERS,
          body: JSON.stringify(accepted),
        }
        return trace ? traces.answered(trace, answer, { deadline }) : answer
      } catch (error) {
        const answer = answerTo(error, request, trace)
        if (!trace) return answer
        return traces.answered(trace, answer, { deadline, code: toVotestreamError(error).code })
      }
    },
    failure: answerTo,
    answered({ headers }, { code = 'INTERNAL' }, receivedMs) {
      metrics.count('rest', 'submitVote', code)
      if (code === 'OK') metrics.acknowledged('rest', receivedMs, headers.traceparent)
    },
  }
}

const createBodyCheck = (): ((body: unknown) => SubmitVoteRequest['body']) => {
  const faultOf = createSchemaChecks()(submitVoteBody, true)
  return (body) => {
    const fault = faultOf(body)
    if (fault) throw fault
    // It is as the schema has it.
    return body as SubmitVoteRequest['body']
  }
}
