import { setTimeout as pause } from 'node:timers/promises'
import type { Nats } from '@votestream/infra/nats'
import { VotestreamError } from '@votestream/schema/errors'
import { type Deadline, requireTime } from './deadlines.js'

/** An owner that does not answer in this time may be dead: another is asked. */
export const REPLY_TIMEOUT_MS = 1_500
/** Pause before an owner is looked for again. */
export const AGAIN_MS = 25

export const votesUnavailable = (): VotestreamError =>
  new VotestreamError('VOTES_UNAVAILABLE', { retryAfterSeconds: 1 })

interface OwnerRequest {
  readonly nats: Pick<Nats, 'connection' | 'connected'>
  readonly subject: string
  readonly payload: Uint8Array
  /** Whether a reply says that it is done. */
  readonly isDone: (reply: Uint8Array) => boolean
  /** By the monotonic clock of this process. */
  readonly deadlineMs: number
  /** Of whoever waits for it. */
  readonly deadline?: Deadline | undefined
}

/**
 * Asks whoever owns a shard, until it is done.
 * @throws VotestreamError VOTES_UNAVAILABLE at the deadline, TIMEOUT when nobody waits any more. It may be done all the same.
 */
export const askUntilDone = async (request: OwnerRequest): Promise<void> => {
  const { nats, subject, payload, isDone, deadlineMs, deadline } = request
  for (;;) {
    requireTime(deadline)
    const timeout = Math.max(1, Math.min(REPLY_TIMEOUT_MS, deadlineMs - performance.now()))
    // What is sent while the broker is away would wait in the connection, and be done long after it was given up.
    const done =
      nats.connected() &&
      (await nats.connection
        .request(subject, payload, { timeout })
        .then((reply) => isDone(reply.data))
        .catch(() => false))
    if (done) return
    if (performance.now() >= deadlineMs) throw votesUnavailable()
    await pause(AGAIN_MS)
  }
}
