import type { ApolloServerOptions } from '@apollo/server'
import { VotestreamError } from '@votestream/schema/errors'
import type { GraphqlContext } from './context.js'
import { requestError } from './request-context.js'
import { type Asked, registeredText, type Safelist } from './safelist.js'

/** A request over HTTP, as far as it says what is asked for. */
export interface AskingRequest {
  readonly method: string
  readonly url: string
  readonly body: unknown
}

/** Over HTTP, before the server's library reads a document. @throws GraphQLError OPERATION_NOT_REGISTERED */
export const refuseUnregistered = (safelist: Safelist, asked: Asked): string => {
  try {
    return registeredText(safelist, asked)
  } catch (error) {
    throw error instanceof VotestreamError ? requestError(error) : error
  }
}

/** What a request asks for, by the parameters of its URL or in its body. */
export const askedOf = ({ method, url, body }: AskingRequest): Asked => {
  if (method !== 'GET') return typeof body === 'object' && body !== null ? body : {}
  const parameters = new URLSearchParams(url.slice(url.indexOf('?') + 1))
  return { query: parameters.get('query'), extensions: jsonOf(parameters.get('extensions')) }
}

const jsonOf = (text: string | null): unknown => {
  try {
    return JSON.parse(text ?? 'null')
  } catch {
    return undefined
  }
}

type PersistedQueries = Exclude<ApolloServerOptions<GraphqlContext>['persistedQueries'], false | undefined>

/** The library's names for its entries begin with it. */
const PREFIX = 'apq:'

/** Where the library looks a hash up, in place of texts that anybody has sent before. Nothing is added to it. */
export const registeredTexts = (safelist: Safelist): NonNullable<PersistedQueries['cache']> => ({
  async get(name) {
    const sha256Hash = name.slice(PREFIX.length)
    return safelist.textOf({ extensions: { persistedQuery: { version: 1, sha256Hash } } })
  },
  set: async () => undefined,
  delete: async () => undefined,
})
