import type { LogPosition } from '@votestream/infra/log-reader'

/** What may be thrown away, as an operator configured it. Undefined: no limit of this kind. */
export interface Retention {
  readonly ageMaxMs: number | undefined
  readonly bytesMax: number | undefined
}

/**
 * Nothing younger is ever purged. A new owner reads the attempts of the last half minute and the tail of its log, Redis
 * comes back a second older than it was, and an operator who restored an older file of it has this long to notice.
 */
export const PURGE_AGE_MIN_MS = 600_000

/** How far a sink is in a log; of another log, or not whole: undefined. */
export interface SinkPosition {
  readonly generation: string
  readonly sequence: number
  readonly wholeAt: number
}

export interface LogSituation {
  readonly position: LogPosition
  readonly messages: number
  readonly bytes: number
  /** Undefined: it holds nothing of this shard. */
  readonly redis: SinkPosition | undefined
  readonly clickhouse: SinkPosition | undefined
  /** The oldest message of this log that has a dead letter: it is read again some day. */
  readonly oldestDead: number | undefined
  /** The first message that is younger than the configured age; undefined: no age is configured. */
  readonly firstWithinAge: number | undefined
  /** The first message that is younger than PURGE_AGE_MIN_MS. */
  readonly firstYoung: number
}

/**
 * Where the log is to begin from now on: at its present beginning when nothing is to be purged. What goes is too old,
 * or too much; and of that only what both sinks hold, nobody will read again, and is no longer young.
 */
export const decidePurge = (situation: LogSituation, { bytesMax }: Pick<Retention, 'bytesMax'>): number => {
  const { position, redis, clickhouse, oldestDead, firstWithinAge, firstYoung } = situation
  const { firstSequence } = position
  const wanted = Math.max(firstWithinAge ?? 0, firstWithinBytes(situation, bytesMax))
  const allowed = Math.min(
    firstNotIn(redis, position),
    firstNotIn(clickhouse, position),
    oldestDead ?? Number.POSITIVE_INFINITY,
    firstYoung,
  )
  return Math.max(firstSequence, Math.min(wanted, allowed))
}

/** The first message that a sink does not hold for good. */
const firstNotIn = (sink: SinkPosition | undefined, { generation, firstSequence }: LogPosition): number => {
  if (sink?.generation !== generation || sink.sequence < sink.wholeAt) return firstSequence
  return sink.sequence + 1
}

/** The broker tells no message's size: all count as equally large, and the next look corrects it. */
const firstWithinBytes = (
  { position, messages, bytes }: LogSituation,
  bytesMax: number | undefined,
): number => {
  if (bytesMax === undefined || bytes <= bytesMax) return 0
  return position.firstSequence + Math.ceil(((bytes - bytesMax) / bytes) * messages)
}
