import type { KV } from '@nats-io/kv'
import type { ClickHouseClient } from '@votestream/infra/clickhouse'
import type { DeadLetters } from '@votestream/infra/dead-letters'
import type { Halts } from '@votestream/infra/halts'
import type { Logger } from '@votestream/infra/logging'
import type { Nats } from '@votestream/infra/nats'
import type { Redis } from '@votestream/infra/redis'

/** What every rebuild works with. */
export interface RebuildContext {
  readonly nats: Nats
  readonly redis: Redis
  readonly clickhouse: ClickHouseClient
  readonly deadLetters: DeadLetters
  readonly halts: Pick<Halts, 'set' | 'clear'>
  /** Where the leases stand, and who seizes them. */
  readonly bucket: KV
  readonly instance: string
  readonly shards: number
  readonly logger: Logger
  /** A line of progress. */
  readonly say: (line: string) => void
}

/** A rebuild cannot be done as things are; its sentence says why, and what to do. */
export class RebuildError extends Error {
  override readonly name = 'RebuildError'
}

/** A shard of a log halts a lane before a message that this version cannot read: so does a rebuild. */
export const refusingHalts: Pick<Halts, 'set' | 'clear'> = {
  set(_role, _shard, why) {
    throw new RebuildError(`${why}: use a newer version of this command`)
  },
  clear: () => undefined,
}
