import {
  DiscardPolicy,
  JetStreamApiError,
  type NextMsgRequest,
  RetentionPolicy,
  StorageType,
  type StoredMsg,
} from '@nats-io/jetstream'
import { headers } from '@nats-io/nats-core'
import { type Shard, shardNumber } from '@votestream/schema/numbers'
import { DEAD_STREAM, deadSubject, deadSubjects } from '@votestream/schema/subjects'
import type { Nats } from './nats.js'

/** A message of a shard's log in which something is dead. */
export interface DeadLetter {
  readonly shard: Shard
  /** Of the log that holds the message. */
  readonly generation: string
  readonly sequence: number
  /** When the broker stored the message in the log, milliseconds since 1970. */
  readonly storedAtMs: number
  readonly reasons: readonly string[]
  /** The message as it stands in the log; empty when it was too large to be copied (a reason says so). */
  readonly data: Uint8Array
}

/** The stream of copies of dead messages, one of each. They are notices: the log itself stays the truth. */
export interface DeadLetters {
  /** Puts a message of the log aside, once, however often and by whomever. Resolves when it is on disk. */
  put(letter: DeadLetter): Promise<void>
  /** All of them, oldest first; of one shard if given. */
  list(shard?: Shard): AsyncIterable<DeadLetter>
  /** The lowest sequence of this shard's log (of this generation) that has a letter; undefined: none. */
  lowest(shard: Shard, generation: string): Promise<number | undefined>
  remove(letter: Pick<DeadLetter, 'shard' | 'generation' | 'sequence'>): Promise<void>
}

const STREAM_NOT_FOUND = 10059
/** The broker could not store a message: among other causes, because its subject has one already. */
const STORE_FAILED = 10077

/** A message has up to a thousand entries, and all may be dead: so many are named, and so long. */
const REASONS_MAX = 16
const REASON_LENGTH_MAX = 200
/** Room for the headers beside the data. */
const HEADER_BYTES_MAX = 16 * 1024

const HEADER = {
  shard: 'Votestream-Shard',
  generation: 'Votestream-Generation',
  sequence: 'Votestream-Sequence',
  storedAtMs: 'Votestream-Stored-At-Ms',
  reasons: 'Votestream-Reasons',
} as const

/** Opens the stream of dead letters; makes it where it is missing. */
export const openDeadLetters = async (nats: Nats, replicas: number): Promise<DeadLetters> => {
  if (!(await hasDeadStream(nats))) await addDeadStream(nats, replicas)
  return deadLettersOf(nats)
}

/** The stream as it was made; undefined while nobody has made it: then nothing was ever put. */
export const findDeadLetters = async (nats: Nats): Promise<DeadLetters | undefined> =>
  (await hasDeadStream(nats)) ? deadLettersOf(nats) : undefined

const deadLettersOf = (nats: Nats): DeadLetters => {
  const { js, jsm } = nats

  async function* list(shard?: Shard): AsyncGenerator<DeadLetter, void> {
    const filter = deadSubjects(shard)
    // One by one, from the leader: nothing is left behind on the broker, and letters may be removed meanwhile.
    for (let from = 1; ; ) {
      const next: Required<NextMsgRequest> = { seq: from, next_by_subj: filter }
      const stored = await jsm.streams.getMessage(DEAD_STREAM, next)
      if (stored === null) return
      yield letterOf(stored)
      from = stored.seq + 1
    }
  }

  return {
    async put(letter) {
      const subject = deadSubject(letter.shard, letter.generation, letter.sequence)
      const { data, reasons } = copyable(letter, nats.connection.info?.max_payload)
      try {
        await js.publish(subject, data, { headers: headersOf(letter, reasons) })
      } catch (error) {
        // Whatever the broker's reason, it is done if the letter is there; a full disk is said as it came.
        if (!(error instanceof JetStreamApiError) || error.code !== STORE_FAILED) throw error
        if ((await jsm.streams.getMessage(DEAD_STREAM, { last_by_subj: subject })) === null) throw error
      }
    },
    list,
    async lowest(shard, generation) {
      const { state } = await jsm.streams.info(DEAD_STREAM, {
        subjects_filter: deadSubjects(shard, generation),
      })
      let lowest: number | undefined
      for (const subject of Object.keys(state.subjects ?? {})) {
        const sequence = Number(subject.slice(subject.lastIndexOf('.') + 1))
        if (lowest === undefined || sequence < lowest) lowest = sequence
      }
      return lowest
    },
    async remove({ shard, generation, sequence }) {
      await jsm.streams.purge(DEAD_STREAM, { filter: deadSubject(shard, generation, sequence) })
    },
  }
}

const hasDeadStream = async (nats: Nats): Promise<boolean> => {
  try {
    await nats.jsm.streams.info(DEAD_STREAM)
    return true
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === STREAM_NOT_FOUND) return false
    throw error
  }
}

const addDeadStream = async (nats: Nats, replicas: number): Promise<void> => {
  await nats.jsm.streams.add({
    name: DEAD_STREAM,
    subjects: [deadSubjects()],
    storage: StorageType.File,
    retention: RetentionPolicy.Limits,
    // A second copy of a message is refused by the broker itself, so nobody has to remember what was put. There
    // is no other limit: it cannot hold more messages than the logs do.
    discard: DiscardPolicy.New,
    max_msgs_per_subject: 1,
    discard_new_per_subject: true,
    max_age: 0,
    max_msgs: -1,
    max_bytes: -1,
    // A letter that was dealt with is removed.
    deny_delete: false,
    deny_purge: false,
    num_replicas: replicas,
  })
}

/** Somebody else's message may be as large as the broker takes: with headers it would be refused for ever. */
const copyable = (
  { data, reasons }: DeadLetter,
  payloadMax = 1024 * 1024,
): Pick<DeadLetter, 'data' | 'reasons'> => {
  const named = reasons.slice(0, REASONS_MAX).map((reason) => reason.slice(0, REASON_LENGTH_MAX))
  if (reasons.length > REASONS_MAX) named.push(`and ${reasons.length - REASONS_MAX} more`)
  if (data.length + HEADER_BYTES_MAX <= payloadMax) return { data, reasons: named }
  const tooLarge = `not copied: ${data.length} bytes, to be read in the log`
  return { data: new Uint8Array(), reasons: [...named, tooLarge] }
}

const headersOf = ({ shard, generation, sequence, storedAtMs }: DeadLetter, reasons: readonly string[]) => {
  const fields = headers()
  fields.set(HEADER.shard, String(shard))
  fields.set(HEADER.generation, generation)
  fields.set(HEADER.sequence, String(sequence))
  fields.set(HEADER.storedAtMs, String(storedAtMs))
  // A decoder's words may hold anything, line ends too: JSON keeps them within one field.
  fields.set(HEADER.reasons, JSON.stringify(reasons))
  return fields
}

const letterOf = ({ header, data }: StoredMsg): DeadLetter => ({
  shard: shardNumber(Number(header.get(HEADER.shard))),
  generation: header.get(HEADER.generation),
  sequence: Number(header.get(HEADER.sequence)),
  storedAtMs: Number(header.get(HEADER.storedAtMs)),
  reasons: JSON.parse(header.get(HEADER.reasons)) as string[],
  data,
})
