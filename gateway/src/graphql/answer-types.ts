export const JSON_TYPE = 'application/json'
export const GRAPHQL_TYPE = 'application/graphql-response+json'

/** What an answer over HTTP may be called, the one that clients get who do not mind first. */
export const ANSWER_TYPES = [JSON_TYPE, GRAPHQL_TYPE]
