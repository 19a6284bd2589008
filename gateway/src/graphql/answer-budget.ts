import { GraphQLError } from 'graphql'

/**
 * What one operation may still read. A document of a few lines can ask for a list of lists, under many names:
 * its fields are few, its answer is not.
 */
export interface AnswerBudget {
  /** @throws GraphQLError that is told as INVALID_REQUEST */
  spend(cost: number): void
}

/** A page of the largest events, with their contestants and their leaderboards, and some more. */
const BUDGET = 110_000
/** A list is read before it is known how long it is. */
export const LIST_COST = 1_000
/** A timeline reads hundreds of windows from two servers. */
export const TIMELINE_COST = 2_500

export const createAnswerBudget = (): AnswerBudget => {
  let left = BUDGET
  return {
    spend(cost) {
      left -= cost
      if (left >= 0) return
      throw new GraphQLError('One operation may not read so much.', { extensions: { code: 'BAD_REQUEST' } })
    },
  }
}
