/** Where a person's vote in one event stands. */
export type VoteState =
  | { readonly step: 'none' }
  /** On its way, or nobody knows whether it arrived: only a repeat with the same key can tell. */
  | { readonly step: 'sending'; readonly contestantId: string; readonly key: string; readonly note?: string }
  | {
      readonly step: 'unreached'
      readonly contestantId: string
      readonly key: string
      readonly sentence: string
    }
  | { readonly step: 'acknowledged'; readonly contestantId: string; readonly voteId: string }
  | { readonly step: 'counted'; readonly contestantId: string; readonly voteId: string }
  | { readonly step: 'rejected'; readonly contestantId: string; readonly reason: string }
  /** This person has a vote already, given elsewhere. */
  | { readonly step: 'already'; readonly sentence: string }
  | { readonly step: 'refused'; readonly sentence: string }

const STEPS: readonly unknown[] = [
  'sending',
  'unreached',
  'acknowledged',
  'counted',
  'rejected',
  'already',
] satisfies VoteState['step'][]

const keyOf = (userId: string, eventId: string) => `votestream.vote.${userId}.${eventId}`

export const readVote = (storage: Storage, userId: string, eventId: string): VoteState => {
  try {
    const kept: unknown = JSON.parse(storage.getItem(keyOf(userId, eventId)) ?? 'null')
    const known = typeof kept === 'object' && kept !== null && 'step' in kept && STEPS.includes(kept.step)
    // Only keepVote writes there.
    return known ? (kept as VoteState) : { step: 'none' }
  } catch {
    return { step: 'none' }
  }
}

/** A refusal is not kept: what was refused may be allowed the next time. */
export const keepVote = (storage: Storage, userId: string, eventId: string, state: VoteState): void => {
  const key = keyOf(userId, eventId)
  if (state.step === 'none' || state.step === 'refused') storage.removeItem(key)
  else storage.setItem(key, JSON.stringify(state))
}
