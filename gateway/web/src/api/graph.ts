import {
  ApolloClient,
  ApolloLink,
  HttpLink,
  InMemoryCache,
  type OperationVariables,
  type TypedDocumentNode,
} from '@apollo/client'
import { SetContextLink } from '@apollo/client/link/context'
import { GraphQLWsLink } from '@apollo/client/link/subscriptions'
import { OperationTypeNode } from 'graphql'
import type { Failure } from '../model/failure-words.js'
import type { Session } from '../session.js'
import { BOARD_FIELDS, type Board } from './documents.js'
import { toFailure } from './failure.js'
import type { LiveSocket } from './live-socket.js'
import type { ViewerToken } from './viewer-token.js'

export type Answer<Data> =
  | { readonly kind: 'data'; readonly data: Data }
  | { readonly kind: 'failure'; readonly failure: Failure }

/** GraphQL, with the visitor's token or the signed-in person's. */
export interface Graph {
  ask<Data, Variables extends OperationVariables>(
    query: TypedDocumentNode<Data, Variables>,
    variables: Variables,
    keep?: Keep,
  ): Promise<Answer<Data>>
  tell<Data, Variables extends OperationVariables>(
    mutation: TypedDocumentNode<Data, Variables>,
    variables: Variables,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Answer<Data>>
  /** Ends by itself on a failure; a broken connection is none, the socket heals it. */
  follow<Data, Variables extends OperationVariables>(
    subscription: TypedDocumentNode<Data, Variables>,
    variables: Variables,
    listener: Follower<Data>,
  ): () => void
  /** What the cache knows, now and after every change. */
  watch<Data, Variables extends OperationVariables>(
    query: TypedDocumentNode<Data, Variables>,
    variables: Variables,
    onData: (data: Data) => void,
  ): () => void
  writeBoard(board: Board): void
}

/** Whether an answer goes into the cache. Totals without their board would not fit what stands there. */
export type Keep = 'cached' | 'not cached'

export interface Follower<Data> {
  /** Whose socket: `voter` for what is only for who is signed in. */
  readonly as: 'viewer' | 'voter'
  next(data: Data): void
  failed(failure: Failure): void
}

interface GraphOptions {
  readonly url: string
  readonly viewerToken: ViewerToken
  readonly session: Session
  readonly viewerSocket: LiveSocket
  /** The socket of who is signed in. */
  readonly voterSocket: () => LiveSocket | undefined
}

const ANSWER_WITHIN_MS = 10_000

export const createGraph = ({
  url,
  viewerToken,
  session,
  viewerSocket,
  voterSocket,
}: GraphOptions): Graph => {
  let used = ''
  const withToken = new SetContextLink(async ({ headers }) => {
    used = session.user.get()?.token ?? (await viewerToken.get())
    return { headers: { ...headers, authorization: `Bearer ${used}` } }
  })
  const http = new HttpLink({ uri: url, fetch: fetchInTime })
  const socketOf = (as: 'viewer' | 'voter'): LiveSocket =>
    (as === 'voter' ? voterSocket() : undefined) ?? viewerSocket
  const sockets = new ApolloLink((operation) => {
    const as = operation.getContext().as === 'voter' ? 'voter' : 'viewer'
    return new GraphQLWsLink(socketOf(as).client).request(operation)
  })
  const client = new ApolloClient({
    link: ApolloLink.split(
      ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
      sockets,
      ApolloLink.from([withToken, http]),
    ),
    cache: new InMemoryCache({
      typePolicies: { Leaderboard: { keyFields: ['eventId'] } },
    }),
    devtools: { enabled: false },
  })
  let newest: Board | undefined
  const boardId = ({ eventId }: Board) => client.cache.identify({ __typename: 'Leaderboard', eventId }) ?? ''
  const writeBoard = (board: Board): void => {
    newest = board
    client.cache.writeFragment({ id: boardId(board), fragment: BOARD_FIELDS, data: board })
  }
  /** An answer that was overtaken by a board has put an older one into the cache. */
  const restoreNewest = (): void => {
    if (!newest) return
    const kept = client.cache.readFragment<Board>({ id: boardId(newest), fragment: BOARD_FIELDS })
    if (kept && kept.version < newest.version) writeBoard(newest)
  }

  const answer = async <Data>(run: () => Promise<{ data?: Data | undefined }>): Promise<Answer<Data>> => {
    for (let tries = 0; ; tries += 1) {
      try {
        const { data } = await run()
        if (data === undefined) return { kind: 'failure', failure: toFailure(undefined) }
        return { kind: 'data', data }
      } catch (error) {
        const failure = toFailure(error)
        if (failure.code !== 'UNAUTHENTICATED') return { kind: 'failure', failure }
        const own = session.user.get()?.token
        if (own !== undefined) session.expire(own)
        viewerToken.drop(used)
        // A visitor's token is simply fetched anew; a person has to sign in again.
        if (own !== undefined || tries > 0) return { kind: 'failure', failure }
      }
    }
  }

  return {
    ask: <Data, Variables extends OperationVariables>(
      query: TypedDocumentNode<Data, Variables>,
      variables: Variables,
      keep: Keep = 'not cached',
    ) =>
      answer<Data>(async () => {
        const fetchPolicy = keep === 'cached' ? 'network-only' : 'no-cache'
        const result = await client.query<Data>({ query, variables: anyVariables(variables), fetchPolicy })
        if (keep === 'cached') restoreNewest()
        return result
      }),
    tell: <Data, Variables extends OperationVariables>(
      mutation: TypedDocumentNode<Data, Variables>,
      variables: Variables,
      headers: Readonly<Record<string, string>> = {},
    ) =>
      answer<Data>(() =>
        client.mutate<Data>({ mutation, variables: anyVariables(variables), context: { headers } }),
      ),
    follow<Data, Variables extends OperationVariables>(
      subscription: TypedDocumentNode<Data, Variables>,
      variables: Variables,
      { as, next, failed }: Follower<Data>,
    ) {
      const results = client.subscribe<Data>({
        query: subscription,
        variables: anyVariables(variables),
        context: { as },
        // Boards may come out of order after a reconnect: who follows decides what goes into the cache.
        fetchPolicy: 'no-cache',
      })
      const fail = (error: unknown) => {
        const failure = toFailure(error)
        if (failure.code === 'UNAUTHENTICATED') socketOf(as).renew()
        failed(failure)
      }
      const running = results.subscribe({
        next({ data, error }) {
          if (error) fail(error)
          else if (data) next(data)
        },
        error: fail,
      })
      return () => running.unsubscribe()
    },
    watch<Data, Variables extends OperationVariables>(
      query: TypedDocumentNode<Data, Variables>,
      variables: Variables,
      onData: (data: Data) => void,
    ) {
      return client.cache.watch<Data>({
        query,
        variables: anyVariables(variables),
        optimistic: false,
        immediate: true,
        callback: ({ result, complete }) => {
          // Complete means that every field of the document is there.
          if (complete) onData(result as Data)
        },
      })
    },
    writeBoard,
  }
}

/** Whether a document needs variables is known where it is used, and checked there. */
const anyVariables = (variables: OperationVariables): OperationVariables => variables

const fetchInTime: typeof fetch = (input, init = {}) => {
  const limit = AbortSignal.timeout(ANSWER_WITHIN_MS)
  const signal = init.signal ? AbortSignal.any([init.signal, limit]) : limit
  return fetch(input, { ...init, signal })
}
