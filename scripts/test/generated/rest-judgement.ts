import assert from 'node:assert/strict'
import { ERRORS, type ErrorCode } from '@votestream/schema/errors'
import { Ajv } from 'ajv'
import type { RawAnswer } from './raw-exchange.js'
import type { OpenApi, RestRequest } from './rest-requests.js'

/** Whether an answer is one that the documents permit. Throws where it is not. */
export type RestJudgement = (request: RestRequest, answer: RawAnswer) => void

const BODILESS = new Set([204, 304])

export const createRestJudgement = ({ components }: OpenApi): RestJudgement => {
  const ajv = new Ajv({ strict: false, validateFormats: false })
  const problemHolds = ajv.compile(components.schemas.Problem ?? false)

  const judgeProblem = ({ status, headers, body }: RawAnswer): void => {
    assert.match(headers.get('content-type') ?? '', /^application\/problem\+json/)
    const problem = JSON.parse(body) as { status: number; code: ErrorCode; errors?: { field: string }[] }
    assert.ok(problemHolds(JSON.parse(body)), ajv.errorsText(problemHolds.errors))
    const { code, errors } = problem
    assert.equal(status, ERRORS[code].status)
    assert.equal(problem.status, status)
    if (code === 'INVALID_FIELDS') assert.ok(errors && errors.length > 0, 'names no field')
  }

  return ({ operation, method }, answer) => {
    const { status, headers, body } = answer
    assert.ok(status >= 200, 'closed without an answer')
    assert.ok(status < 500, `${status} ${body}`)
    if (operation && status !== 429)
      assert.ok(operation.answers.has(status), `${status} is not documented: ${body}`)
    if (method === 'HEAD' || BODILESS.has(status)) return
    if (status >= 400) return judgeProblem(answer)
    const schema = operation?.answers.get(status)
    if (!schema || headers.get('content-type')?.startsWith('text/event-stream')) return
    assert.ok(ajv.validate(schema, JSON.parse(body)), `${ajv.errorsText()}: ${body}`)
  }
}
