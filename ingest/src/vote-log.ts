import { JetStreamApiError } from '@nats-io/jetstream'
import type { Nats } from '@votestream/infra/nats'
import { traceHeader } from '@votestream/infra/telemetry/message-headers'
import type { TraceContext } from '@votestream/infra/telemetry/trace-context'
import type { Shard } from '@votestream/schema/numbers'
import { voteStream, voteSubject } from '@votestream/schema/subjects'
import type { AppendResult, LookResult } from './group-commit.js'

/** The end of a shard's log that is written to. */
export interface VoteLog {
  /**
   * Appends one message after the sequence that is expected, or finds that this id stands there already.
   * @param trace of the batch, for whoever reads it; undefined where nothing in it is sampled
   */
  append(
    id: string,
    payload: Uint8Array,
    expected: number,
    trace: TraceContext | undefined,
  ): Promise<AppendResult>
  /** What stands right after a sequence. */
  look(id: string, expected: number): Promise<LookResult>
}

const MESSAGE_ID_HEADER = 'Nats-Msg-Id'
const WRONG_LAST_SEQUENCE = new Set([10071, 10164])
/** The stream's own limit, the account's, the server's. */
const NO_ROOM = new Set([10077, 10002, 10023, 10028, 10047])

interface VoteLogOptions {
  readonly nats: Nats
  readonly shard: Shard
  /** Without an answer after this, an append's outcome counts as unknown. */
  readonly appendTimeoutMs: number
}

export const createVoteLog = ({ nats, shard, appendTimeoutMs }: VoteLogOptions): VoteLog => {
  const messageId = (id: string): string => `${id}:${shard}`

  const look = async (id: string, expected: number): Promise<LookResult> => {
    const { state } = await nats.jsm.streams.info(voteStream(shard))
    if (state.last_seq === expected) return 'end'
    // The log is shorter than what was acknowledged from it, or begins later: not the log this owner knew.
    if (state.last_seq < expected || state.first_seq > expected + 1) return 'foreign'
    const message = await nats.jsm.streams.getMessage(voteStream(shard), { seq: expected + 1 })
    return message?.header.get(MESSAGE_ID_HEADER) === id ? 'stored' : 'foreign'
  }

  return {
    async append(id, payload, expected, trace) {
      try {
        const headers = traceHeader(trace)
        const appended = nats.js.publish(voteSubject(shard), payload, {
          msgID: messageId(id),
          expect: { streamName: voteStream(shard), lastSequence: expected },
          timeout: appendTimeoutMs,
          ...(headers ? { headers } : {}),
        })
        await nats.onThisConnection(appended)
        return 'stored'
      } catch (error) {
        // Only the fence's own answer is a refusal. Whatever else went wrong, the message may be in the log.
        if (!(error instanceof JetStreamApiError)) return 'unknown'
        if (WRONG_LAST_SEQUENCE.has(error.code)) return 'refused'
        return NO_ROOM.has(error.code) ? 'full' : 'unknown'
      }
    },
    look: (id, expected) => look(messageId(id), expected).catch(() => 'unknown' as const),
  }
}
