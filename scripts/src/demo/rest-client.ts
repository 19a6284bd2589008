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

export interface RestClient {
  /** @throws RequestError for an answer that will not change by asking again, or when time is up. */
  call<Answer>(method: 'GET' | 'POST', path: string, request: RestRequest): Promise<Answer>
}

interface RestRequest {
  readonly token: string
  readonly body?: object
  readonly headers?: Readonly<Record<string, string>>
}

/** A client that does what a good client does: it waits and asks again when told to, or when nobody answers. */
export const createRestClient = (baseUrl: string, patienceMs: number): RestClient => ({
  async call<Answer>(method: 'GET' | 'POST', path: string, request: RestRequest) {
    const untilMs = Date.now() + patienceMs
    for (;;) {
      const response = await send(baseUrl + path, method, request)
      if (response?.ok) return (await response.json()) as Answer
      const again = !response || response.status === 429 || response.status >= 502
      if (!again || Date.now() >= untilMs) throw await failure(`${method} ${path}`, response)
      await response?.arrayBuffer()
      await pause(1_000 * Number(response?.headers.get('retry-after') ?? 0.25))
    }
  },
})

const send = async (url: string, method: string, { token, body, headers }: RestRequest) => {
  try {
    return await fetch(url, {
      method,
      headers: {
        ...(token ? { authorization: `Bearer ${token}` } : {}),
        ...(body ? { 'content-type': 'application/json' } : {}),
        ...headers,
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
      signal: AbortSignal.timeout(10_000),
    })
  } catch {
    // Nobody answered, or not in time: what became of the request is not known.
    return undefined
  }
}

const failure = async (what: string, response: Response | undefined): Promise<RequestError> => {
  if (!response) return new RequestError(0, 'no answer', what)
  const problem = (await response.json().catch(() => ({}))) as { code?: string }
  return new RequestError(response.status, problem.code ?? '', what)
}
