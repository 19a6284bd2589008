import type { ContestantIndex, EventNumber } from '@votestream/schema/numbers'
import type { OpaqueIds } from '@votestream/schema/opaque-ids'
import { LRUCache } from 'lru-cache'

/** Events at once whose identifiers are remembered, and contestants. */
const EVENTS_MAX = 1_000
const CONTESTANTS_MAX = 20_000

/**
 * The same identifiers, with those of events and contestants remembered: a crowd names the same few, and to
 * look one up is cheaper than to decrypt it. Malformed ones are not remembered: they would push others out.
 */
export const rememberIds = (ids: OpaqueIds): OpaqueIds => {
  const events = new LRUCache<string, EventNumber>({ max: EVENTS_MAX })
  const contestants = new LRUCache<string, { event: EventNumber; index: ContestantIndex }>({
    max: CONTESTANTS_MAX,
  })
  return {
    ...ids,
    parseEventId: (text) => events.get(text) ?? remember(events, text, ids.parseEventId(text)),
    parseContestantId: (text) =>
      contestants.get(text) ?? remember(contestants, text, ids.parseContestantId(text)),
  }
}

const remember = <Value extends {}>(
  memory: LRUCache<string, Value>,
  text: string,
  value: Value | undefined,
): Value | undefined => {
  if (value !== undefined) memory.set(text, value)
  return value
}
