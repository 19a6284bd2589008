/**
 * The numbers that name things inside the system. They are branded so that one cannot be handed over where
 * another is meant; outside the system they are only seen as opaque identifiers (see opaque-ids).
 */
declare const brand: unique symbol
type Branded<Name extends string> = number & { readonly [brand]: Name }

/** An account's number: the revision of its creation in the `accounts` bucket. 1 to 2^48 − 1, dense. */
export type VoterNumber = Branded<'VoterNumber'>
/** An event's number: the revision that reserved it in the `events` bucket. 1 to 2^32 − 1. */
export type EventNumber = Branded<'EventNumber'>
/** 0 to S − 1. One shard is one stream, one Redis hash slot, one lane of ingest, tally and archive. */
export type Shard = Branded<'Shard'>
/** A contestant's place in its event, 0 to 499: also the order in which ties rank. */
export type ContestantIndex = Branded<'ContestantIndex'>

export const VOTER_NUMBER_MAX = 2 ** 48 - 1
export const EVENT_NUMBER_MAX = 2 ** 32 - 1
export const CONTESTANTS_MAX = 500
export const SHARDS_MAX = 64

const whole = (name: string, value: number, min: number, max: number): number => {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(`${name} must be a whole number from ${min} to ${max}, not ${value}`)
  }
  return value
}

export const voterNumber = (value: number): VoterNumber =>
  whole('a voter number', value, 1, VOTER_NUMBER_MAX) as VoterNumber
export const eventNumber = (value: number): EventNumber =>
  whole('an event number', value, 1, EVENT_NUMBER_MAX) as EventNumber
export const contestantIndex = (value: number): ContestantIndex =>
  whole('a contestant index', value, 0, CONTESTANTS_MAX - 1) as ContestantIndex
export const shardNumber = (value: number): Shard => whole('a shard', value, 0, SHARDS_MAX - 1) as Shard

/** Every shard of a service with `shards` of them, in order. */
export const allShards = (shards: number): Shard[] =>
  Array.from({ length: shards }, (_, shard) => shardNumber(shard))

/** The shard that holds all votes of this voter, in every event. */
export const shardOf = (voter: VoterNumber, shards: number): Shard => (voter % shards) as Shard
