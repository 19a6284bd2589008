import type { Halts } from '@votestream/infra/halts'
import type { Logger } from '@votestream/infra/logging'
import type { Shard } from '@votestream/schema/numbers'

/** Whether a lane stands still before a message that it cannot read. */
export interface LaneHalt {
  /** Told at every try; said aloud once for each message. */
  set(place: LogPlace, why: string): void
  /** The lane is at this place of the log: a halt before it, or in another log, is over. */
  reached(place: LogPlace): void
  /** The lane ends: whoever works on the shard next says what holds. */
  end(): void
}

interface LogPlace {
  readonly generation: string
  readonly sequence: number
}

interface LaneHaltOptions {
  readonly halts: Pick<Halts, 'set' | 'clear'>
  readonly role: string
  readonly shard: Shard
  readonly logger: Logger
}

export const createLaneHalt = ({ halts, role, shard, logger }: LaneHaltOptions): LaneHalt => {
  let halted: LogPlace | undefined
  const clear = (): void => {
    if (halted === undefined) return
    halted = undefined
    halts.clear(role, shard)
    logger.info({ role, shard }, 'no longer halted')
  }
  return {
    set(place, why) {
      if (halted?.generation === place.generation && halted.sequence === place.sequence) return
      halted = place
      halts.set(role, shard, why)
      logger.fatal(
        { role, shard, sequence: place.sequence },
        `shard ${shard} halted: ${why}; deploy a version that knows it`,
      )
    },
    reached({ generation, sequence }) {
      if (halted && (halted.generation !== generation || sequence >= halted.sequence)) clear()
    },
    end: clear,
  }
}
