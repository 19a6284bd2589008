import { setTimeout as pause } from 'node:timers/promises'
import { withSeizedLease } from '@votestream/infra/lease-seizure'
import { logPosition } from '@votestream/infra/log-reader'
import { createPartPublisher, publishPart } from '@votestream/processor/part-publisher'
import { seeding } from '@votestream/processor/seed'
import { runTallyLane } from '@votestream/processor/tally'
import { createView, type View } from '@votestream/processor/view'
import { decideBeginning, mayBeShown } from '@votestream/processor/view-decision'
import { allShards, type Shard } from '@votestream/schema/numbers'
import { REBUILT_SHARDS_KEY } from '@votestream/schema/redis-keys'
import type { RebuildContext } from './context.js'

/** A rebuild that was cut off is gone on with when it is begun again within this time. */
const REMEMBERED_SECONDS = 3_600
const LOOK_EVERY_MS = 100
const SAY_EVERY_MS = 2_000
const PUBLISH_TICK_MS = 50

/**
 * Makes every shard's view in Redis anew, one after the other, while votes arrive. Until a shard is whole again its
 * boards are 503. Dying anywhere: whoever holds the shard's tally goes on with it, and this command, begun again,
 * does not begin from the start.
 */
export const rebuildRedis = async (context: RebuildContext): Promise<void> => {
  const { redis, bucket, instance, shards, say } = context
  for (const shard of allShards(shards)) {
    if ((await redis.sismember(REBUILT_SHARDS_KEY, String(shard))) === 1) {
      say(`shard ${shard}: made anew before this rebuild was cut off`)
      continue
    }
    await withSeizedLease({ bucket, role: 'tally', shard, instance }, async ({ signal, alone }) => {
      await alone
      await rebuildShard(context, shard, signal)
    })
    await redis
      .multi()
      .sadd(REBUILT_SHARDS_KEY, String(shard))
      .expire(REBUILT_SHARDS_KEY, REMEMBERED_SECONDS)
      .exec()
  }
  await redis.del(REBUILT_SHARDS_KEY)
}

const rebuildShard = async (context: RebuildContext, shard: Shard, signal: AbortSignal): Promise<void> => {
  const { nats, redis, say } = context
  const view = createView(redis, shard)
  const found = await view.checkpoint()
  const position = await logPosition(nats, shard)
  const beginning = decideBeginning(found, position)
  if (beginning.do === 'go-on' && !mayBeShown(beginning.checkpoint.sequence, beginning.checkpoint)) {
    say(
      `shard ${shard}: a rebuild is under way, at message ${beginning.checkpoint.sequence}; going on with it`,
    )
  } else {
    const reachesBack = position.firstSequence <= 1
    say(`shard ${shard}: ${reachesBack ? 'beginning' : 'filling it from ClickHouse, as the log was purged'}`)
    const fill = reachesBack ? undefined : await seeding({ ...context, shard, signal }, position)
    await view.clear(() => logPosition(nats, shard), fill)
  }
  await runUntilWhole(context, view, shard, signal)
}

/** Runs the shard's tally until the view holds what the log held when it was begun. */
const runUntilWhole = async (
  context: RebuildContext,
  view: View,
  shard: Shard,
  signal: AbortSignal,
): Promise<void> => {
  const { nats, say } = context
  const whole = new AbortController()
  const publisher = createPartPublisher({ publish: publishPart(nats), tickMs: PUBLISH_TICK_MS })
  const lane = runTallyLane({
    ...context,
    shard,
    publisher,
    signal: AbortSignal.any([signal, whole.signal]),
  })
  // The lane ends with the signal alone; what it throws ends the looking.
  const failed = lane.then(() => undefined)
  const looking = async (): Promise<void> => {
    for (let saidAtMs = performance.now(); ; await pause(LOOK_EVERY_MS)) {
      signal.throwIfAborted()
      const at = await view.checkpoint()
      if (at && mayBeShown(at.sequence, at)) return say(`shard ${shard}: whole, at message ${at.sequence}`)
      if (performance.now() - saidAtMs < SAY_EVERY_MS) continue
      saidAtMs = performance.now()
      if (at) say(`shard ${shard}: message ${at.sequence} of ${at.wholeAt}`)
    }
  }
  try {
    await Promise.race([looking(), failed])
    signal.throwIfAborted()
  } finally {
    whole.abort()
    await lane.catch(() => undefined)
    publisher.stop()
  }
}
