// Apollo Server as its documentation has it.

import { createServer } from 'node:http'
import { ApolloServer, HeaderMap } from '@apollo/server'
import { servePeer } from './peer.js'
import { openStockVotes, TYPE_DEFINITIONS } from './stock-votes.js'

interface Context {
  readonly voter: string
}

servePeer(async (stores) => {
  const votes = await openStockVotes(stores)
  const apollo = new ApolloServer<Context>({
    typeDefs: TYPE_DEFINITIONS,
    resolvers: {
      Mutation: { submitVote: (_root, { input }, { voter }) => votes.submit(voter, input) },
    },
  })
  await apollo.start()
  return createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const headers = new HeaderMap()
    for (const [name, value] of Object.entries(request.headers)) if (value) headers.set(name, String(value))
    const answer = await apollo.executeHTTPGraphQLRequest({
      httpGraphQLRequest: {
        method: 'POST',
        headers,
        search: '',
        body: JSON.parse(Buffer.concat(chunks).toString()),
      },
      context: async () => ({ voter: request.headers.authorization ?? '' }),
    })
    for (const [name, value] of answer.headers) response.setHeader(name, value)
    response.statusCode = answer.status ?? 200
    response.end(answer.body.kind === 'complete' ? answer.body.string : '')
  })
})
