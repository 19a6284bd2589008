import { setFlagsFromString } from 'node:v8'

/**
 * For processes that answer many short requests. V8 watches what becomes of the objects that each place in the code makes:
 * where nearly all of a few hundred outlived a collection, as those do that belong to requests under way, it makes them
 * among the old ones from then on. There each of them lives on until the next full collection, and with it whatever it
 * leads to, that is, everything of its request: one gateway in four fell into this at its first votes and stayed in it,
 * with four times the work for the collector, and half as much again for each vote.
 */
export const keepObjectsYoung = (): void => setFlagsFromString('--no-allocation-site-pretenuring')
