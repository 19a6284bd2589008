import { setTimeout as pause } from 'node:timers/promises'
import { withSeizedLease } from '@votestream/infra/lease-seizure'
import { logPosition } from '@votestream/infra/log-reader'
import { createView, type View } from '@votestream/processor/view'
import { mayBeShown } from '@votestream/processor/view-decision'
import { allShards, type EventNumber, type Shard } from '@votestream/schema/numbers'
import { type RebuildContext, RebuildError } from './context.js'
import { createShadowView, ShadowLostError, type ShadowView } from './shadow-view.js'

/** So near to the live view that the rest is done in a moment, while nobody applies the log. */
const NEAR_MESSAGES = 256
/** Messages between two lines of progress. */
const STEP_MESSAGES = 20_000
const TRIES = 5
const SWAP_WITHIN_MS = 10_000
const AGAIN_MS = 20

/**
 * Makes one event anew in every shard, beside the live view, and swaps it in: boards go on meanwhile, and other events
 * are not touched. Dying anywhere: what was made stays beside the live view, and the command begun again goes on
 * there.
 */
export const rebuildRedisEvent = async (
  context: RebuildContext,
  event: EventNumber,
  shards: readonly Shard[] = allShards(context.shards),
): Promise<void> => {
  for (const shard of shards) {
    for (let tries = 1; ; tries += 1) {
      try {
        await rebuildInShard(context, shard, event)
        break
      } catch (error) {
        if (!(error instanceof ShadowLostError) || tries === TRIES) throw error
        context.say(`shard ${shard}: Redis lost what was made anew; beginning again`)
      }
    }
  }
}

const rebuildInShard = async (context: RebuildContext, shard: Shard, event: EventNumber): Promise<void> => {
  const { redis, bucket, instance, say } = context
  const live = createView(redis, shard)
  const { signal } = new AbortController()
  const shadow = createShadowView(context, shard, event, signal)
  for (;;) {
    // 1. Beside the live view, which goes on. Dying here: see above.
    await approach(context, shard, live, shadow)
    // 2. As of the same message, while nobody applies the log. Dying here: the lease runs out, and the tally goes on.
    const swapped = await withSeizedLease({ bucket, role: 'tally', shard, instance }, (lease) =>
      swapSoon(live, shadow, lease.signal),
    )
    // 3. It is swapped whole, or not at all: the script says which.
    if (swapped !== undefined) return say(`shard ${shard}: event ${event} is as of message ${swapped}`)
  }
}

/** Never beyond the live view: that one alone can wait for nobody. */
const approach = async (
  { nats, say }: RebuildContext,
  shard: Shard,
  live: View,
  shadow: ShadowView,
): Promise<void> => {
  for (;;) {
    const target = await liveSequence(live, shard)
    const { sequence } = await shadow.open()
    // A log that is purged further than the live view is would have the lane make that anew.
    const { firstSequence } = await logPosition(nats, shard)
    if (sequence <= target && target - sequence <= NEAR_MESSAGES && sequence + 1 >= firstSequence) return
    if (sequence > target) {
      await pause(AGAIN_MS)
      continue
    }
    say(`shard ${shard}: message ${sequence} of ${target}`)
    await shadow.catchUp(Math.min(target, sequence + STEP_MESSAGES))
  }
}

/** @returns the message as of which it was swapped; undefined when the live view went back behind the shadow. */
const swapSoon = async (live: View, shadow: ShadowView, signal: AbortSignal): Promise<number | undefined> => {
  const giveUpAtMs = performance.now() + SWAP_WITHIN_MS
  // Whoever held the lease may apply another stretch or two: then the swap does not fit, and is tried again.
  while (performance.now() < giveUpAtMs) {
    signal.throwIfAborted()
    const at = await live.checkpoint()
    const { sequence } = await shadow.open()
    if (at === undefined || at.sequence < sequence) return undefined
    await shadow.catchUp(at.sequence)
    if (await shadow.swap()) return at.sequence
    await pause(AGAIN_MS)
  }
  throw new RebuildError('the live view does not stand still although its lease was seized')
}

const liveSequence = async (live: View, shard: Shard): Promise<number> => {
  const at = await live.checkpoint()
  if (at && mayBeShown(at.sequence, at)) return at.sequence
  throw new RebuildError(`the whole view of shard ${shard} is being made anew: that mends every event`)
}
