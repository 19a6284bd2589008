import { logPosition, readLogRange } from '@votestream/infra/log-reader'
import type { RedisScript } from '@votestream/infra/redis'
import { defineScript, type Redis } from '@votestream/infra/redis'
import { logStretches } from '@votestream/processor/log-stretches'
import { seeding } from '@votestream/processor/seed'
import { type SequencedMessage, stretchCall } from '@votestream/processor/stretch'
import { createView } from '@votestream/processor/view'
import { type Checkpoint, decideBeginning } from '@votestream/processor/view-decision'
import type { EventNumber, Shard } from '@votestream/schema/numbers'
import { checkpointKey, eventPattern, eventsKey, shadowOf, tallyKey } from '@votestream/schema/redis-keys'
import { swapEventScript } from '@votestream/schema/redis-scripts'
import { type RebuildContext, RebuildError } from './context.js'

/** One event's view in a shard, made anew beside the live one. */
export interface ShadowView {
  /** Where it is; one that is missing, or of another log, is begun from the start. */
  open(): Promise<Checkpoint>
  /** Applies the log up to a message. */
  catchUp(toSequence: number): Promise<void>
  /** Puts it in the live one's place. @returns false unless both are as of the same message: nothing changed. */
  swap(): Promise<boolean>
}

const READ_BATCH_MAX = 256
const KEYS_AT_ONCE = 1_000

/** @param signal ends the reading. */
export const createShadowView = (
  context: RebuildContext,
  shard: Shard,
  event: EventNumber,
  signal: AbortSignal,
): ShadowView => {
  const { nats, redis, shards, say } = context
  const place = shadowOf(event)
  const view = createView(redis, shard, place)
  const swapEvent = defineScript(redis, swapEventScript)

  const open = async (): Promise<Checkpoint> => {
    const found = await view.checkpoint()
    const position = await logPosition(nats, shard)
    const decision = decideBeginning(found, position)
    if (decision.do === 'go-on') return decision.checkpoint
    const shadow = { only: event, place }
    const fill =
      decision.do === 'seed' ? await seeding({ ...context, shard, signal, shadow }, position) : undefined
    if (fill) say(`shard ${shard}: filling it from ClickHouse, as the log was purged`)
    return view.clear(() => logPosition(nats, shard), fill)
  }

  return {
    open,
    async catchUp(toSequence) {
      let { sequence, generation } = await open()
      const range = { fromSequence: sequence + 1, toSequence, batchMax: READ_BATCH_MAX, signal }
      for await (const entries of readLogRange({ nats, shard, ...range })) {
        for (const step of logStretches(entries, { shard, shards, generation })) {
          if (step.do === 'halt') throw new RebuildError(`${step.why}: use a newer version of this command`)
          const messages = step.messages.map((message) => ofEvent(message, event))
          const applied = await view.apply(
            stretchCall(messages, { shard, shards, generation, previous: sequence }),
          )
          if (!applied.applied) throw new ShadowLostError(`shard ${shard}: what was made anew was lost`)
          sequence = messages.at(-1)?.sequence ?? sequence
        }
      }
      signal.throwIfAborted()
    },
    swap: () => swap(redis, swapEvent, shard, event),
  }
}

/** What is made anew in Redis is not there any more: it is begun again. */
export class ShadowLostError extends Error {
  override readonly name = 'ShadowLostError'
}

/** What a message says of one event alone; nothing, most often. */
const ofEvent = (message: SequencedMessage, event: EventNumber): SequencedMessage => {
  const own = <Entry extends { event: EventNumber }>(entries: readonly Entry[]): Entry[] =>
    entries.filter((entry) => entry.event === event)
  return {
    sequence: message.sequence,
    votes: own(message.votes),
    closings: own(message.closings),
    decisions: own(message.decisions),
    takeover: null,
    dead: own(message.dead ?? []),
  }
}

/**
 * Every key of the event, in either view. One that is added to the live view after this moved its checkpoint, and
 * the swap is refused; to the shadow nobody else adds.
 */
const swap = async (
  redis: Redis,
  swapEvent: RedisScript,
  shard: Shard,
  event: EventNumber,
): Promise<boolean> => {
  const place = shadowOf(event)
  const live = new Set(await keysOf(redis, eventPattern(shard, event)))
  const shadowPrefix = place(`{s${shard}}:`)
  for (const key of await keysOf(redis, place(eventPattern(shard, event)))) {
    live.add(`{s${shard}}:${key.slice(shadowPrefix.length)}`)
  }
  const common = [checkpointKey(shard), eventsKey(shard)]
  const keys = [...common, ...common.map(place), tallyKey(shard, event)]
  for (const key of live) keys.push(key, place(key))
  return (await swapEvent(keys, [event])) === 1
}

const keysOf = async (redis: Redis, pattern: string): Promise<string[]> => {
  const keys: string[] = []
  for await (const found of redis.scanStream({ match: pattern, count: KEYS_AT_ONCE })) {
    keys.push(...(found as string[]))
  }
  return keys
}
