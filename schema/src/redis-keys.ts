import type { EventNumber, Shard } from './numbers.js'

/**
 * Keys in Redis. All keys of a shard stand in one hash slot, so that one script may touch them together.
 * Everything here is a view of the log and can be made again from it, but for what gateways count together, at the end.
 */

/**
 * Hash: how far into the shard's log everything below is. Fields: `generation` (the stream's creation, so that
 * another stream's sequences are never mistaken for this one's), `sequence` (the last message applied), and
 * `whole_at` (until `sequence` reaches it the shard is being rebuilt, and its totals are not to be shown). While
 * it is being cleared for that there is only `clearing`, the token of whoever clears it.
 */
export const checkpointKey = (shard: Shard): string => `{s${shard}}:checkpoint`

/**
 * Set: the numbers of the events that have anything in this shard. Number 0 stands for no event: its tally holds
 * the books of messages that nobody can read.
 */
export const eventsKey = (shard: Shard): string => `{s${shard}}:events`

/**
 * Hash: an event's tally in this shard. Fields: a contestant's index in decimal (votes that count), `sequence`
 * (the last message that touched this event), `acked_at` (of the last vote, milliseconds), `entries`,
 * `rejected`, `superseded`, `dead` (the books) and, once it is closed here, `closed_at`. A count of 0 is not there.
 */
export const tallyKey = (shard: Shard, event: EventNumber): string => `{s${shard}}:event:${event}:tally`

/** Bitmap: the numbers of the chunks that exist of `votedKey`. */
export const chunksKey = (shard: Shard, event: EventNumber): string => `{s${shard}}:event:${event}:chunks`

/** Bitmap of 4,096 bits: who has an entry in the log (see voted-set for the bit's place). */
export const votedKey = (shard: Shard, event: EventNumber, chunk: number): string =>
  `{s${shard}}:event:${event}:voted:${chunk}`

/** Bitmap beside `votedKey`: whose vote is rejected, there only where one of the chunk is. */
export const rejectedKey = (shard: Shard, event: EventNumber, chunk: number): string =>
  `{s${shard}}:event:${event}:rejected:${chunk}`

/** Length of a window in Redis, in milliseconds. */
export const WINDOW_MS = 10_000
/** How long after its end a window is kept, in milliseconds. */
export const WINDOW_KEPT_MS = 3_600_000

/** Start of the window that holds a time, both in milliseconds since 1970. */
export const windowStart = (atMs: number): number => atMs - (atMs % WINDOW_MS)

/** Hash: votes by contestant index in one window of an event, by `acked_at`. Expires. */
export const windowKey = (shard: Shard, event: EventNumber, startMs: number): string =>
  `{s${shard}}:event:${event}:window:${startMs}`

/** Pattern of every key of an event in a shard. */
export const eventPattern = (shard: Shard, event: EventNumber): string => `{s${shard}}:event:${event}:*`

/** Pattern of every key of a shard, for making it anew. */
export const shardPattern = (shard: Shard): string => `{s${shard}}:*`

/**
 * Where a key of a shard stands while an event is made anew beside the live view, in the same slot. The view that
 * is made there is one like the live one, with a checkpoint of its own, of this event alone.
 */
export const shadowOf =
  (event: EventNumber) =>
  (key: string): string =>
    key.replace('}:', `}:shadow:${event}:`)

/** Set: the shards whose view was made anew by an operator's command that is still at it. Expires. */
export const REBUILT_SHARDS_KEY = 'rebuild:shards'

/** Hash: the gateways that share limits, each with when it was last heard of, by Redis's clock. Expires. */
export const GATEWAYS_KEY = 'limit:{gateways}:replicas'

/**
 * Hash: what is left of a limit that gateways share. Fields: `level` (tokens; negative: a debt), `at` (when, by Redis's
 * clock, in milliseconds), `scarce_at` (when a gateway lacked what it needed), and `unmet`, `unmet_by`, `unmet_at` (how much
 * less than it asked for was given to which gateway, and when). Expires when it would be full again. Nothing is lost with
 * it but what was spent of it just before.
 */
export const limitKey = (name: string): string => `limit:{gateways}:bucket:${name}`

/**
 * Hash: failed logins that gateways count together, of a `pair` of account and network, of an `account` or of a network
 * (`address`). Fields: `count`, fading with time, and `at`, when the last one was, by Redis's clock, in milliseconds. Expires
 * when they have faded.
 * @param digest names the account or the network, and tells nobody which one it is
 */
export const loginFailuresKey = (kind: string, digest: string): string =>
  `limit:{logins}:failures:${kind}:${digest}`

/**
 * Sorted set: the pairs of account and network that have logged in, as digests, by when they last did, in milliseconds. Those
 * that did longest ago are forgotten first. Expires.
 */
export const KNOWN_LOGINS_KEY = 'limit:{logins}:known'
