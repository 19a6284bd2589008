import type { ClickHouseClient } from '@votestream/infra/clickhouse'
import type { Redis } from '@votestream/infra/redis'
import type { Shard } from '@votestream/schema/numbers'
import { checkpointKey } from '@votestream/schema/redis-keys'
import type { SinkCheckpoint } from './consumer-lag.js'

export type Checkpoints = ReadonlyMap<Shard, SinkCheckpoint>

/** How far Redis is in the log of each shard that it holds anything of. */
export const readRedisCheckpoints = async (redis: Redis, shards: readonly Shard[]): Promise<Checkpoints> => {
  const read = redis.pipeline()
  for (const shard of shards) read.hmget(checkpointKey(shard), 'generation', 'sequence')
  const replies = (await read.exec()) ?? []
  const found = new Map<Shard, SinkCheckpoint>()
  for (const [index, shard] of shards.entries()) {
    const [error, fields] = replies[index] ?? [new Error('no answer')]
    if (error) throw error
    // The shape of HMGET.
    const [generation, sequence] = fields as (string | null)[]
    if (generation && sequence != null) found.set(shard, { generation, sequence: Number(sequence) })
  }
  return found
}

interface PositionRow extends SinkCheckpoint {
  readonly shard: Shard
}

/** The same of ClickHouse, which may hold several logs of a shard: the last one that it wrote of. */
export const readClickhouseCheckpoints = async (clickhouse: ClickHouseClient): Promise<Checkpoints> => {
  const result = await clickhouse.query({
    query:
      'SELECT shard, generation, archived_sequence AS sequence FROM archive_positions ORDER BY shard, generation',
    format: 'JSONEachRow',
    clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
  })
  // A generation is a time as RFC 3339: the later one comes later.
  return new Map((await result.json<PositionRow>()).map(({ shard, ...checkpoint }) => [shard, checkpoint]))
}
