import { archivePart } from './archive/part.js'
import { commitPart } from './commit/part.js'
import { eventsPart } from './events.js'
import { fanoutPart } from './fanout/part.js'
import { latencyPart } from './latency/part.js'
import { memoryPart } from './memory/part.js'
import type { Part } from './part.js'
import { scalePart } from './scale/part.js'
import { socketsPart } from './sockets.js'
import { tallyPart } from './tally/part.js'
import { votesPart } from './votes/part.js'

/** In the order in which `npm run bench` measures them. */
export const PARTS: readonly Part[] = [
  votesPart,
  commitPart,
  tallyPart,
  archivePart,
  latencyPart,
  scalePart,
  fanoutPart,
  socketsPart,
  eventsPart,
  memoryPart,
]
