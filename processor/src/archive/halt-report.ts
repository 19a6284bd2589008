import type { Halts } from '@votestream/infra/halts'
import type { Logger } from '@votestream/infra/logging'
import type { Shard } from '@votestream/schema/numbers'
import { UnknownVersionError } from '@votestream/schema/votes'
import { LogTooShortError } from './lane-opening.js'

/** Says what no trying again helps: somebody has to do something. */
export interface HaltReport {
  /** Whether or not an error is of this kind. Told as often as the lane fails, it is logged once. */
  report(error: unknown, lane: { readonly shard: Shard; readonly signal: AbortSignal }): void
  /** The lane went on. */
  clear(shard: Shard): void
}

const ROLE = 'archive'

export const createHaltReport = (halts: Pick<Halts, 'set' | 'clear'>, logger: Logger): HaltReport => {
  const halted = new Map<Shard, string>()
  const clear = (shard: Shard): void => {
    if (halted.delete(shard)) halts.clear(ROLE, shard)
  }
  return {
    clear,
    report(error, { shard, signal }) {
      if (!(error instanceof UnknownVersionError || error instanceof LogTooShortError)) return
      if (halted.get(shard) === error.message) return
      halted.set(shard, error.message)
      halts.set(ROLE, shard, error.message)
      logger.fatal({ err: error, shard }, 'the archive of a shard stands still')
      // From then on it is another's to say.
      signal.addEventListener('abort', () => clear(shard), { once: true })
    },
  }
}
