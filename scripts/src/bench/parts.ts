import { eventsPart } from './events.js'
import { fanoutPart } from './fanout/part.js'
import type { Part } from './part.js'
import { socketsPart } from './sockets.js'

/** In the order in which `npm run bench` measures them. */
export const PARTS: readonly Part[] = [fanoutPart, socketsPart, eventsPart]
