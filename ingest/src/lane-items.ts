import { type Closing, type Decision, type LogMessage, voteBytesMax } from '@votestream/schema/votes'
import type { PendingVote, ShardOwner } from './shard-owner.js'

/** What a shard's owner appends: one of these each. */
export type Item =
  | { readonly is: 'vote'; readonly pending: PendingVote }
  | { readonly is: 'closing'; readonly closing: Closing; readonly settle: () => void }
  | { readonly is: 'decision'; readonly decision: Decision; readonly settle: () => void }
  | { readonly is: 'takeover'; readonly owner: string; readonly settle: () => void }

export const bytesOf = (item: Item): number => (item.is === 'vote' ? voteBytesMax(item.pending.vote) : 128)

/**
 * The message that holds a batch's items. In it the votes stand first: a decision about a vote of the same batch
 * stands behind it, and none is earlier than a vote that it stands behind.
 */
export const messageOf = (items: readonly Item[]): LogMessage => {
  const votes = items.flatMap((item) => (item.is === 'vote' ? [item.pending.vote] : []))
  const lastAckedAtMs = votes.at(-1)?.ackedAtMs ?? 0
  return {
    votes,
    closings: items.flatMap((item) => (item.is === 'closing' ? [item.closing] : [])),
    takeover: items.flatMap((item) => (item.is === 'takeover' ? [{ owner: item.owner }] : []))[0] ?? null,
    decisions: items.flatMap((item) => {
      if (item.is !== 'decision') return []
      const { decision } = item
      return [{ ...decision, decidedAtMs: Math.max(decision.decidedAtMs, lastAckedAtMs) }]
    }),
  }
}

/** Answers everyone who waits for these items: they are on disk. */
export const settleStored = (owner: ShardOwner, items: readonly Item[]): void => {
  for (const item of items) {
    if (item.is === 'vote') owner.stored(item.pending)
    else {
      if (item.is === 'closing') owner.closed(item.closing.event)
      item.settle()
    }
  }
}
