import { setTimeout as pause } from 'node:timers/promises'

/** What went wrong with a request that the service answered. */
export class RequestError extends Error {
  override readonly name = 'RequestError'
  constructor(
    readonly status: number,
    readonly code: string,
    what: string,
  ) {
    super(`${what}: ${status} ${code}`)
  }
}

/** A client that does what a good client does: it waits and asks again when told to, or when nobody answers. */
export interface Client {
  /** REST. @throws RequestError for an answer that will not change by asking again, or when time is up. */
  call<Answer>(method: 'GET' | 'POST', path: string, request: ClientRequest): Promise<Answer>
  /** GraphQL. @throws RequestError as above, with the code of the first error. */
  execute<Data>(document: string, variables: object, request: Omit<ClientRequest, 'body'>): Promise<Data>
}

interface ClientRequest {
  readonly token: string
  readonly body?: object
  readonly headers?: Readonly<Record<string, string>>
}

/** An answer, or how it failed and when to ask again. */
type Outcome<Answer> =
  | { readonly answer: Answer }
  | { readonly failure: RequestError; readonly againAfterSeconds: number | null }

const AGAIN_AFTER_SECONDS = 0.25
const ANSWER_WITHIN_MS = 10_000

/**
 * @param patienceMs how long it asks again; 0: it asks once
 * @param answerWithinMs of one try
 */
export const createClient = (
  baseUrl: string,
  patienceMs: number,
  answerWithinMs = ANSWER_WITHIN_MS,
): Client => {
  const send = createSender(answerWithinMs)
  const persist = async <Answer>(ask: () => Promise<Outcome<Answer>>): Promise<Answer> => {
    const untilMs = Date.now() + patienceMs
    for (;;) {
      const outcome = await ask()
      if ('answer' in outcome) return outcome.answer
      if (outcome.againAfterSeconds === null || Date.now() >= untilMs) throw outcome.failure
      await pause(1_000 * outcome.againAfterSeconds)
    }
  }

  return {
    call: <Answer>(method: 'GET' | 'POST', path: string, request: ClientRequest) =>
      persist<Answer>(async () => {
        const response = await send(baseUrl + path, method, request)
        return response?.ok
          ? { answer: (await response.json()) as Answer }
          : restFailure(`${method} ${path}`, response)
      }),
    execute: <Data>(document: string, variables: object, request: Omit<ClientRequest, 'body'>) =>
      persist<Data>(async () => {
        const body = { query: document, variables }
        const response = await send(`${baseUrl}/graphql`, 'POST', { ...request, body })
        if (!response?.ok) return restFailure('GraphQL', response)
        const { data, errors } = (await response.json()) as { data: Data; errors?: GraphqlError[] }
        return errors?.[0] ? graphqlFailure(errors[0]) : { answer: data }
      }),
  }
}

const createSender =
  (answerWithinMs: number) =>
  async (url: string, method: string, { token, body, headers }: ClientRequest) => {
    try {
      return await fetch(url, {
        method,
        headers: {
          ...(token ? { authorization: `Bearer ${token}` } : {}),
          ...(body ? { 'content-type': 'application/json' } : {}),
          ...headers,
        },
        ...(body ? { body: JSON.stringify(body) } : {}),
        signal: AbortSignal.timeout(answerWithinMs),
      })
    } catch {
      // Nobody answered, or not in time: what became of the request is not known.
      return undefined
    }
  }

const restFailure = async (what: string, response: Response | undefined): Promise<Outcome<never>> => {
  if (!response) {
    return { failure: new RequestError(0, 'no answer', what), againAfterSeconds: AGAIN_AFTER_SECONDS }
  }
  const problem = (await response.json().catch(() => ({}))) as { code?: string }
  const again = response.status === 429 || response.status >= 502
  return {
    failure: new RequestError(response.status, problem.code ?? '', what),
    againAfterSeconds: again ? Number(response.headers.get('retry-after') ?? AGAIN_AFTER_SECONDS) : null,
  }
}

interface GraphqlError {
  readonly extensions?: { readonly code?: string; readonly retryAfterSeconds?: number }
}

const graphqlFailure = ({ extensions }: GraphqlError): Outcome<never> => ({
  failure: new RequestError(200, extensions?.code ?? '', 'GraphQL'),
  againAfterSeconds: extensions?.retryAfterSeconds ?? null,
})
