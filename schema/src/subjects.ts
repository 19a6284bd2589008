import type { EventNumber, Shard } from './numbers.js'

/** Names in NATS: streams, subjects and buckets. */

/** The commit log of a shard: what is in it counts, what is not was never acknowledged. */
export const voteStream = (shard: Shard): string => `VOTES_${shard}`
/** The one subject of that stream; only the shard's owner publishes to it, always with a fence. */
export const voteSubject = (shard: Shard): string => `votes.${shard}`
/** Where the shard's owner takes batches of submissions (request and reply). */
export const ingestSubject = (shard: Shard): string => `ingest.${shard}`
/** Where the shard's owner is asked to close an event in its shard (request and reply). */
export const closeSubject = (shard: Shard): string => `close.${shard}`
/** Where the shard's owner is asked to write an operator's decision into its log (request and reply). */
export const decideSubject = (shard: Shard): string => `decide.${shard}`
/** Where a message of a shard's log is put aside when something in it is dead: one subject, one letter. */
export const deadSubject = (shard: Shard, generation: string, sequence: number): string =>
  `dead.${shard}.${subjectToken(generation)}.${sequence}`
/** Every letter of a shard's log, or of all. */
export const deadSubjects = (shard: Shard | '*' = '*', generation?: string): string =>
  `dead.${shard}.${generation === undefined ? '*' : subjectToken(generation)}.*`
/** Where each shard's part of an event's board is published (core NATS, no replay). */
export const leaderboardSubject = (event: EventNumber): string => `leaderboard.${event}`

/** A generation is a time, and a point in a subject divides. Reversible, so no two generations share a token. */
const subjectToken = (text: string): string =>
  encodeURIComponent(text).replaceAll('.', '%2E').replaceAll('*', '%2A')

/** Copies of messages in which something is dead, for operators; the log itself stays the truth. */
export const DEAD_STREAM = 'VOTES_DEAD'
/** One record per account, created once and never changed: its revision is the voter number. */
export const ACCOUNTS_BUCKET = 'accounts'
/** What may change about an account: password, email, scopes. */
export const CREDENTIALS_BUCKET = 'credentials'
/** The catalog: one record per event, keyed by its number in decimal. */
export const EVENTS_BUCKET = 'events'
/** The key in the events bucket whose revisions are the numbers of events. */
export const EVENT_NUMBERS_KEY = 'numbers'
/** Usage plans, and the keys of clients. */
export const USAGE_PLANS_BUCKET = 'usage-plans'
/** What was taken of each key's quota in its current period. */
export const QUOTAS_BUCKET = 'quotas'
/** Tokens that were taken back. */
export const REVOCATIONS_BUCKET = 'revocations'
/** Operations of GraphQL that may run where only registered ones do. */
export const OPERATIONS_BUCKET = 'operations'
/** Who works on which shard at the moment. Entries expire. */
export const LEASES_BUCKET = 'leases'

/** A stream's metadata field that records the number of shards it was made for. */
export const SHARDS_METADATA = 'votestream-shards'
