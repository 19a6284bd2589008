import { setTimeout } from 'node:timers/promises'
import type { LogPosition } from '@votestream/infra/log-reader'
import type { Nats } from '@votestream/infra/nats'
import type { Shard } from '@votestream/schema/numbers'
import { voteStream } from '@votestream/schema/subjects'
import { logMessage, UnknownVersionError } from '@votestream/schema/votes'

/** The books cannot be laid side by side: a sink has not got as far as the log, or is of another log. */
export class NotComparableError extends Error {
  override readonly name = 'NotComparableError'
}

interface Waiting {
  readonly nats: Nats
  /** As performance.now() tells. */
  readonly giveUpAtMs: number
}

const LOOK_EVERY_MS = 100

/** Until a sink has got to the end of the log. @throws NotComparableError when it does not. */
export const untilThere = async (
  { nats, giveUpAtMs }: Waiting,
  shard: Shard,
  sink: string,
  end: LogPosition,
  look: () => Promise<{ readonly generation: string | undefined; readonly sequence: number }>,
): Promise<void> => {
  for (;;) {
    const { generation, sequence } = await look()
    const isOurs = generation === end.generation
    if (isOurs && sequence >= end.lastSequence) return
    if (performance.now() > giveUpAtMs) {
      const where = isOurs ? `is at message ${sequence}` : 'is not of this log'
      const why = isOurs ? await whyItHalts(nats, shard, sequence + 1) : ''
      throw new NotComparableError(
        `shard ${shard}: ${sink} ${where}, the log ends at ${end.lastSequence}${why}`,
      )
    }
    await setTimeout(LOOK_EVERY_MS)
  }
}

/** Whoever applies the log stops before a message of a newer writer. */
const whyItHalts = async (nats: Nats, shard: Shard, next: number): Promise<string> => {
  const message = await nats.jsm.streams.getMessage(voteStream(shard), { seq: next })
  try {
    if (message) logMessage.decode(message.data)
  } catch (error) {
    if (error instanceof UnknownVersionError) return `; it halts before message ${next}: ${error.message}`
  }
  return ''
}
