import { readFileSync } from 'node:fs'
import protobuf from 'protobufjs'
import type { ContestantIndex, EventNumber, Shard, VoterNumber } from './numbers.js'

/** The messages of proto/votes.proto; see there for what each field means. */
export interface Vote {
  event: EventNumber
  voter: VoterNumber
  contestant: ContestantIndex
  attempt: number
  ackedAtMs: number
  flags: number
  clientTimestampMs: number
  deviceId: string
  appVersion: string
  channel: number
  traceId: string
  /** Of a vote that is sampled; missing or empty: it is not. */
  spanId?: string | undefined
  traceState?: string | undefined
}

/** A vote on its way to the owner of its shard, who alone says when it is acknowledged and whether it counts. */
export type Submission = Omit<Vote, 'ackedAtMs' | 'flags'>

export interface Closing {
  event: EventNumber
  closedAtMs: number
}

export interface Decision {
  event: EventNumber
  voter: VoterNumber
  contestant: ContestantIndex
  votedAtMs: number
  /** One of VERDICT. */
  verdict: number
  decidedAtMs: number
  /** 0: an application's token, which is no user's. */
  decidedBy: VoterNumber
  /** Those who only count need not know it. */
  attempt?: number
}

export interface LogMessage {
  votes: Vote[]
  closings: Closing[]
  takeover: { owner: string } | null
  decisions: Decision[]
}

export interface BoardPart {
  event: EventNumber
  shard: Shard
  generation: string
  sequence: number
  totals: number[]
  ackedAtMs: number
  /** 0 or missing: not told. */
  appliedAtMs?: number
  /** Where nothing is sampled, there are none. */
  traces?: readonly string[]
  earliestAckedAtMs?: number
  clientAtMs?: number
}

export const VERDICT = { reject: 1, admit: 2 } as const
export type Verdict = keyof typeof VERDICT
export const CHANNEL = { rest: 1, graphql: 2 } as const
export const OUTCOMES = ['accepted', 'duplicate', 'closed', 'unavailable'] as const
/**
 * What a shard's owner answers: `accepted` (it is durably in the log), `duplicate` (an entry of this voter is
 * in the log), `closed`, `unavailable` (nothing is known of it here: try again).
 */
export type Outcome = (typeof OUTCOMES)[number]

/** Votes in one message at most: it bounds a commit's size on the wire, on disk and in Lua. */
export const BATCH_VOTES_MAX = 1000
/** Bytes of votes in one message at most, well below the broker's smallest default of 1 MiB. */
export const BATCH_BYTES_MAX = 512 * 1024
/** No encoded vote is larger than this: its numbers, the ids of its trace, and its texts in UTF-8. */
export const voteBytesMax = ({
  deviceId,
  appVersion,
  traceState,
}: Pick<Vote, 'deviceId' | 'appVersion' | 'traceState'>): number =>
  136 + 3 * (deviceId.length + appVersion.length + (traceState?.length ?? 0))
/** Traces that a part of a board names at most, and a board. */
export const TRACES_SHOWN_MAX = 8
/** Attempt ids are below this. */
export const ATTEMPT_LIMIT = 2 ** 52

/** A message of another version: not damaged, only not for this reader. */
export class UnknownVersionError extends Error {
  override readonly name = 'UnknownVersionError'
}

// Every number here is below 2^53, so numbers do: no Long objects.
protobuf.util.Long = null as never
protobuf.configure()
const { root } = protobuf.parse(readFileSync(new URL('../../proto/votes.proto', import.meta.url), 'utf8'))

/**
 * The two ends of one message type. Decoding gives every field its default.
 * @param versionOf the version that a value needs its reader to know; the newest is known here.
 */
const codec = <Value extends object, Written extends object = Value>(
  name: string,
  newest = 1,
  versionOf: (value: Written) => number = () => 1,
) => {
  const type = root.lookupType(`votestream.${name}`)
  return {
    encode: (value: Written): Uint8Array => type.encode({ version: versionOf(value), ...value }).finish(),
    /** @throws UnknownVersionError, or another Error for bytes that are no such message. */
    decode: (bytes: Uint8Array): Value => {
      // The decoder made from the .proto file gives the fields that Value describes.
      const message = type.decode(bytes) as unknown as Value & { version: number }
      // Every writer says its version: what says none is no message of anybody's.
      if (message.version < 1) throw new Error(`${name} without a version`)
      if (message.version > newest) {
        throw new UnknownVersionError(
          `${name} of version ${message.version}: this reader knows up to ${newest}`,
        )
      }
      return message
    },
  }
}

export const logMessage = codec<LogMessage>('LogMessage', 2, ({ decisions }) =>
  decisions.length > 0 ? 2 : 1,
)
export const submissionBatch = codec<{ votes: Vote[] }, { votes: readonly Submission[] }>('SubmissionBatch')
const submissionReply = codec<{ outcomes: number[] }>('SubmissionReply')
export const closeRequest = codec<{ event: EventNumber }>('CloseRequest')
export const closeReply = codec<{ closed: boolean }>('CloseReply')
export const decideRequest = codec<{ decision: Decision | null }>('DecideRequest')
export const decideReply = codec<{ decided: boolean }>('DecideReply')
export const boardPart = codec<BoardPart>('BoardPart')

/** @param outcomes in the order of the batch's votes; null: this is not the shard's owner. */
export const encodeOutcomes = (outcomes: readonly Outcome[] | null): Uint8Array =>
  submissionReply.encode({ outcomes: (outcomes ?? []).map((outcome) => OUTCOMES.indexOf(outcome)) })

/** @returns null when whoever answered is not the shard's owner. */
export const decodeOutcomes = (bytes: Uint8Array): Outcome[] | null => {
  const { outcomes } = submissionReply.decode(bytes)
  if (outcomes.length === 0) return null
  return outcomes.map((index) => OUTCOMES[index] ?? 'unavailable')
}
