/** Bugs that the simulation must find: each one is how the real code would be if a line of it were wrong. */
export const PLANTED_BUGS = [
  'answers before the append is confirmed',
  'appends without the fence',
  'takes over with a single record',
  'takes an unknown append for a stored one',
  'calls a vote a duplicate whose first one is pending',
  'skips the log after the checkpoint of Redis in a takeover',
  'says that it is closed before the closing is on disk',
  'forgets the attempts of before the takeover',
  'tells the age of attempts by its own clock',
  'answers a decision before the append is confirmed',
  'takes a late copy of a decision for a new one',
  'applies a decision whatever stands',
  'moves the checkpoint before the votes are applied',
  'applies a stretch wherever the view ends',
  'takes a part with a lower sequence',
] as const

export type PlantedBug = (typeof PLANTED_BUGS)[number]
