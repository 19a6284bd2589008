import { type FieldNode, type GraphQLArgument, Kind } from 'graphql'

/** What fields take that are no mere part of what was read already: a round trip to a server, or much of a processor. */
const WEIGHTS: Readonly<Record<string, number>> = {
  'Query.leaderboard': 5,
  'Query.vote': 5,
  'Event.leaderboard': 5,
  'Event.timeline': 100,
  'Contestant.totalVotes': 2,
  'Mutation.login': 200,
  'Mutation.register': 200,
  'Mutation.createEvent': 20,
  'Mutation.closeEvent': 20,
  'Mutation.decideVote': 20,
}

export const weightOf = (type: string, field: string): number => WEIGHTS[`${type}.${field}`] ?? 1

/** How many a list is taken to have that nobody bounds: as many contestants as a show has. */
export const LIST_FACTOR = 20
/** As many as a page may have, where a variable says how many. */
const PAGE_MAX = 100
const PAGE_DEFAULT = 20
const COUNTS = ['first', 'last']

/** How many a page is asked to have; 1 for what is no page. */
export const listFactor = (field: FieldNode, args: readonly GraphQLArgument[]): number => {
  if (!args.some(({ name }) => COUNTS.includes(name))) return 1
  const asked = field.arguments?.find(({ name }) => COUNTS.includes(name.value))?.value
  if (!asked) return PAGE_DEFAULT
  return asked.kind === Kind.INT ? Math.max(1, Math.min(PAGE_MAX, Number(asked.value))) : PAGE_MAX
}
