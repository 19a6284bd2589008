import { setTimeout as pause } from 'node:timers/promises'
import type { Halts } from '@votestream/infra/halts'
import type { Logger } from '@votestream/infra/logging'
import type { Shard } from '@votestream/schema/numbers'
import { UnknownVersionError } from '@votestream/schema/votes'

interface HaltingOptions {
  readonly logger: Logger
  readonly halts: Halts
  /** How often a log that cannot be read is tried again. */
  readonly againMs?: number
}

/**
 * @param run the work of a lane, begun again when it halted. `learned` is to be called once it has read all of
 * the log that it must know.
 */
export type Halting = (
  shard: Shard,
  signal: AbortSignal,
  run: (learned: () => void) => Promise<void>,
) => Promise<void>

const ROLE = 'ingest'
const AGAIN_MS = 1_000

/**
 * Halts a shard at a message of a newer version: an owner that cannot read its log does not know who has voted.
 * That is said once, loudly. The shard goes on by itself when the message need not be read any more, because a
 * newer processor has counted it and Redis tells what it said, or when its lease goes to a newer ingest.
 */
export const createHalting = ({ logger, halts, againMs = AGAIN_MS }: HaltingOptions): Halting => {
  const halted = new Set<Shard>()
  const goOn = (shard: Shard): void => {
    if (!halted.delete(shard)) return
    halts.clear(ROLE, shard)
    logger.info({ shard }, 'the shard is halted no longer')
  }
  const halt = (shard: Shard, error: UnknownVersionError): void => {
    halts.set(ROLE, shard, error.message)
    if (halted.has(shard)) return
    halted.add(shard)
    logger.fatal({ err: error, shard }, 'the shard takes no votes: its log was written by a newer version')
  }

  return async (shard, signal, run) => {
    try {
      while (!signal.aborted) {
        try {
          return await run(() => goOn(shard))
        } catch (error) {
          // Whatever else fails says nothing of the halt: the lane is begun again, and finds out.
          if (!(error instanceof UnknownVersionError)) throw error
          halt(shard, error)
          await pause(againMs, undefined, { signal }).catch(() => undefined)
        }
      }
    } finally {
      if (signal.aborted) goOn(shard)
    }
  }
}
