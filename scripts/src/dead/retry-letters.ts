import { type DeadLetter, findDeadLetters } from '@votestream/infra/dead-letters'
import { seizeLease } from '@votestream/infra/lease-seizure'
import { logPosition } from '@votestream/infra/log-reader'
import type { Nats } from '@votestream/infra/nats'
import type { EventNumber, Shard } from '@votestream/schema/numbers'
import { voteStream } from '@votestream/schema/subjects'
import { rebuildClickhouseEvent } from '../rebuild/clickhouse-event.js'
import { connectForRebuild } from '../rebuild/connect.js'
import type { RebuildContext } from '../rebuild/context.js'
import { rebuildRedisEvent } from '../rebuild/redis-event.js'
import type { DeadCommand } from './dead-command.js'
import { decideLetter } from './letter-decision.js'

/**
 * Reads dead messages again, after a reader that knows better was deployed, and counts what can be counted now:
 *
 * 1. The events that they name are made anew in both sinks. Dying here: the letters are there, and are read again.
 * 2. The owners of their shards learn anew who has voted. Dying here: as above.
 * 3. The letters are removed. Dying here: what is left of them is read again, and changes nothing.
 */
export const retryLetters: DeadCommand = {
  usage: 'retry                       counts what can be read by now; exit status 1: some stay dead',
  options: {},
  async run({ environment, nats, say }, { wait }) {
    const deadLetters = await findDeadLetters(nats)
    const letters: DeadLetter[] = []
    for await (const letter of deadLetters?.list() ?? []) letters.push(letter)
    if (!deadLetters || letters.length === 0) {
      say('Nothing in the log is dead.')
      return 0
    }
    const context = await connectForRebuild({
      environment,
      waitMs: Number(wait) * 1000,
      say: (line) => console.error(line),
    })
    const { readable, events } = await readAgain(context, letters, say)
    for (const [shard, ofShard] of events) {
      for (const event of ofShard) {
        await rebuildRedisEvent(context, event, [shard])
        await rebuildClickhouseEvent(context, event, [shard])
      }
      await learnAnew(context, shard)
    }
    for (const letter of readable) await deadLetters.remove(letter)
    say(`${readable.length} of ${letters.length} are counted.`)
    return readable.length === letters.length ? 0 : 1
  },
}

interface ReadAgain {
  readonly readable: readonly DeadLetter[]
  /** What has to be made anew, by shard. */
  readonly events: ReadonlyMap<Shard, ReadonlySet<EventNumber>>
}

const readAgain = async (
  { nats, shards }: RebuildContext,
  letters: readonly DeadLetter[],
  say: (line: string) => void,
): Promise<ReadAgain> => {
  const readable: DeadLetter[] = []
  const events = new Map<Shard, Set<EventNumber>>()
  for (const letter of letters) {
    const { shard, sequence } = letter
    const { generation } = await logPosition(nats, shard)
    const decision = decideLetter(letter, await messageAt(nats, shard, sequence), generation, shards)
    if (decision.do === 'keep') {
      say(`Message ${sequence} of shard ${shard} is kept: ${decision.why}`)
      continue
    }
    readable.push(letter)
    events.set(shard, new Set([...(events.get(shard) ?? []), ...decision.events]))
  }
  return { readable, events }
}

/** The letter's own copy may be incomplete; the log is the truth. */
const messageAt = async (nats: Nats, shard: Shard, sequence: number): Promise<Uint8Array | undefined> => {
  const message = await nats.jsm.streams.getMessage(voteStream(shard), { seq: sequence })
  return message?.data
}

/** Whoever owns the shard ends and is followed at once, by an owner that reads what Redis and the log say now. */
const learnAnew = async ({ bucket, instance }: RebuildContext, shard: Shard): Promise<void> => {
  const lease = await seizeLease({ bucket, role: 'ingest', shard, instance })
  await lease.giveBack()
}
