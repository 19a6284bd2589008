import { BOARD_SUBSCRIPTION } from '../load/viewer.js'
import { CLOSE_CANARY, CREATE_CANARY } from './canary-event.js'
import { SUBMIT_CANARY } from './canary-vote.js'

/** All that the checks ask by GraphQL, as one document. */
export const SYNTHETIC_OPERATIONS = [CREATE_CANARY, CLOSE_CANARY, SUBMIT_CANARY, BOARD_SUBSCRIPTION].join(
  '\n',
)
