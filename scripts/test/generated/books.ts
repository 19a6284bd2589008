import assert from 'node:assert/strict'
import { logPosition, readLogRange } from '@votestream/infra/log-reader'
import { openBuckets } from '@votestream/infra/streams'
import { readLogMessage } from '@votestream/schema/log-entries'
import { allShards, type Shard } from '@votestream/schema/numbers'
import type { Place } from '../hostile/place.js'

const SHARDS = 2

/** What was answered to have been written. */
export interface Books {
  readonly votes: Set<string>
  readonly decided: Set<string>
  readonly accounts: Set<string>
  readonly events: Set<string>
  readonly closed: Set<string>
}

/** Of a place to which nobody has written yet. */
export const emptyBooks = ({ event, other }: Place): Books => ({
  votes: new Set(),
  decided: new Set(),
  accounts: new Set(),
  events: new Set([event.id, other.id]),
  closed: new Set(),
})

/** What is written, in full: the logs of all shards and the buckets of people and events. */
export const writtenBooks = async ({ system }: Place): Promise<Books & { readonly dead: number }> => {
  const { nats, ids } = system
  const written = { votes: new Set<string>(), decided: new Set<string>(), closed: new Set<string>(), dead: 0 }
  for (const shard of allShards(SHARDS) as Shard[]) {
    const { lastSequence } = await logPosition(nats, shard)
    const { signal } = new AbortController()
    const range = { nats, shard, fromSequence: 1, toSequence: lastSequence, batchMax: 500, signal }
    for await (const entries of readLogRange(range)) {
      for (const { data } of entries) {
        const message = readLogMessage(data, shard, SHARDS)
        for (const { event, voter } of message.votes) written.votes.add(ids.voteId(event, voter))
        for (const { event, voter } of message.decisions) written.decided.add(ids.voteId(event, voter))
        for (const { event } of message.closings) written.closed.add(ids.eventId(event))
        written.dead += message.dead.length
      }
    }
  }
  const buckets = await openBuckets(nats, 1)
  const keysOf = async (keys: Promise<AsyncIterable<string>>): Promise<string[]> => {
    const all: string[] = []
    for await (const key of await keys) all.push(key)
    return all
  }
  const accounts = await nats.jsm.streams.info('KV_accounts', { subjects_filter: '>' })
  const events = await keysOf(buckets.events.keys())
  return {
    ...written,
    accounts: new Set(Object.keys(accounts.state.subjects ?? {})),
    events: new Set(
      events.filter((key) => /^\d+$/.test(key)).map((key) => ids.eventId(Number(key) as never)),
    ),
  }
}

/** The books that are written are those that were answered: nothing more, nothing less. */
export const assertBooks = async (place: Place, answered: Books): Promise<void> => {
  const { dead, accounts, ...written } = await writtenBooks(place)
  const sorted = (set: ReadonlySet<string>): string[] => [...set].sort()
  for (const kind of ['votes', 'decided', 'events', 'closed'] as const) {
    assert.deepEqual(sorted(written[kind]), sorted(answered[kind]), kind)
  }
  // Accounts stand under a hash of their names.
  assert.equal(accounts.size, answered.accounts.size, 'accounts')
  assert.equal(dead, 0, 'dead entries')
}

/** Enters what an answer of REST says was written. */
export const enterRest = (books: Books, operationId: string, body: Record<string, string>): void => {
  if (operationId === 'submitVote') books.votes.add(body.vote_id ?? '')
  if (operationId === 'decideVote') books.decided.add(body.vote_id ?? '')
  if (operationId === 'register') books.accounts.add(body.user_id ?? '')
  if (operationId === 'createEvent') books.events.add(body.event_id ?? '')
  if (operationId === 'closeEvent') books.closed.add(body.event_id ?? '')
}
