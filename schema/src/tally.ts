/** An event's tally in one shard, as it stands in Redis (see tallyKey in redis-keys). */
export interface Tally {
  /** Votes that count, by contestant index; contestants without votes may be missing. */
  readonly totals: readonly number[]
  /** The last log message that touched the event in this shard, if only by a decision; 0: none. */
  readonly sequence: number
  /** Of the last vote, milliseconds since 1970; 0: none. */
  readonly ackedAtMs: number
  readonly entries: number
  readonly rejected: number
  readonly superseded: number
  readonly dead: number
  /** Null while the event is open in this shard. */
  readonly closedAtMs: number | null
}

/** @param flat fields and values in turn, as HGETALL gives them to a script. */
export const parseTally = (flat: readonly string[]): Tally => {
  const fields = new Map<string, number>()
  const totals: number[] = []
  for (let at = 0; at + 1 < flat.length; at += 2) {
    const field = flat[at] ?? ''
    const value = Number(flat[at + 1])
    if (/^\d+$/.test(field)) totals[Number(field)] = value
    else fields.set(field, value)
  }
  return {
    totals: Array.from(totals, (total) => total ?? 0),
    sequence: fields.get('sequence') ?? 0,
    ackedAtMs: fields.get('acked_at') ?? 0,
    entries: fields.get('entries') ?? 0,
    rejected: fields.get('rejected') ?? 0,
    superseded: fields.get('superseded') ?? 0,
    dead: fields.get('dead') ?? 0,
    closedAtMs: fields.get('closed_at') ?? null,
  }
}
