import { setTimeout as pause } from 'node:timers/promises'
import type { EventNumber, VoterNumber } from '@votestream/schema/numbers'
import type { Results, VoteStatus } from '../results.js'
import { createLatest } from './latest.js'

/** Votes on their way, for those who cast them. */
export interface LiveVotes {
  /** The status as it is, then the one that follows; ends when the vote is processed or rejected. */
  watch(event: EventNumber, voter: VoterNumber): AsyncIterableIterator<VoteStatus>
}

/** Between acknowledged and counted lie some milliseconds; while Redis is away, more. */
const AGAIN_MS = 20
const AGAIN_MAX_MS = 1_000

export const createLiveVotes = ({ results }: { results: Pick<Results, 'voteStatus'> }): LiveVotes => ({
  watch(event, voter) {
    const left = new AbortController()
    const statuses = createLatest<VoteStatus>(() => left.abort())
    const follow = async (): Promise<void> => {
      let shown: VoteStatus | undefined
      for (let againMs = AGAIN_MS; !left.signal.aborted; againMs = Math.min(AGAIN_MAX_MS, againMs * 2)) {
        // A vote whose status can be asked for was acknowledged: while Redis cannot say more, that stands.
        const status = await results.voteStatus(event, voter).catch((): VoteStatus => 'acked')
        if (status !== shown) statuses.push(status)
        shown = status
        if (status !== 'acked') return statuses.end()
        await pause(againMs, undefined, { signal: left.signal }).catch(() => undefined)
      }
    }
    void follow()
    return statuses
  },
})
