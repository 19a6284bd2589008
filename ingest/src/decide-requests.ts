import { readLogMessage } from '@votestream/schema/log-entries'
import type { Shard } from '@votestream/schema/numbers'
import { type Decision, decideRequest, logMessage } from '@votestream/schema/votes'

/**
 * What a request asks for. Nothing is taken into the log that its readers would call dead.
 * @throws Error that says what is wrong with it, or UnknownVersionError.
 */
export const readDecideRequest = (bytes: Uint8Array, shard: Shard, shards: number): Decision => {
  const { decision } = decideRequest.decode(bytes)
  if (!decision) throw new Error('a request without a decision')
  const message = logMessage.encode({ votes: [], closings: [], takeover: null, decisions: [decision] })
  const [dead] = readLogMessage(message, shard, shards).dead
  if (dead) throw new Error(dead.reason)
  return decision
}
