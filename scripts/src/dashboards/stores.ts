import { bars, type Dashboard, figure, lines, percentile, perSecond, query, type Row } from './dashboard.js'

const health: Row = {
  title: 'Can they be reached?',
  panels: [
    figure({
      title: 'Up',
      description: 'By the service that looks the worst. Votes need NATS, boards Redis, analysts ClickHouse.',
      unit: 'bool_yes_no',
      width: 8,
      badBelow: 1,
      queries: [query('{{store}}', 'min by (store) (votestream_store_up)')],
    }),
    figure({
      title: 'Dead letters',
      description: 'Messages of the log in which something is dead: nobody counts it.',
      unit: 'none',
      width: 4,
      badFrom: 1,
      queries: [query('letters', 'max(votestream_dead_letters)')],
    }),
    figure({
      title: 'Shards that stand still',
      description: 'A sink that cannot go on with its log until somebody acts.',
      unit: 'none',
      width: 4,
      badFrom: 1,
      queries: [query('halted', 'sum(votestream_shard_halted) or vector(0)')],
    }),
    figure({
      title: 'Refused by NATS',
      description: 'What services asked for without the right to.',
      unit: 'none',
      width: 4,
      badFrom: 1,
      queries: [query('refused', 'sum(votestream_nats_refused_total)')],
    }),
    figure({
      title: 'Services that answer',
      description: 'Gateways, ingests, processors, the prober.',
      unit: 'none',
      width: 4,
      badBelow: 4,
      queries: [query('up', 'sum(up{job="votestream"})')],
    }),
    lines({
      title: 'A round trip, p99',
      description: 'Of a question that costs the store nothing.',
      unit: 's',
      width: 24,
      queries: [
        query(
          '{{store}} from {{service}}',
          percentile(99, 'votestream_store_round_trip_seconds', { by: 'store, service' }),
        ),
      ],
    }),
  ],
}

const log: Row = {
  title: 'The log (NATS JetStream)',
  panels: [
    lines({
      title: 'Size',
      description: 'On the broker’s disk, of each shard.',
      unit: 'bytes',
      width: 8,
      queries: [query('shard {{shard}}', 'max by (shard) (votestream_log_bytes{shard=~"$shard"})')],
    }),
    lines({
      title: 'A commit, until it is synced',
      description: 'What the broker’s disk takes for a group of votes.',
      unit: 's',
      width: 8,
      queries: [
        query('p50', percentile(50, 'votestream_commit_seconds')),
        query('p99', percentile(99, 'votestream_commit_seconds')),
      ],
    }),
    lines({
      title: 'Oldest message',
      description: 'Moves when retention purges what both sinks hold.',
      unit: 'short',
      width: 8,
      queries: [query('shard {{shard}}', 'max by (shard) (votestream_log_first_sequence{shard=~"$shard"})')],
    }),
  ],
}

const sinks: Row = {
  title: 'The sinks (Redis, ClickHouse)',
  panels: [
    lines({
      title: 'Redis: memory',
      description:
        'A full Redis refuses to write and evicts nothing: an evicted key would be a voter who may vote again.',
      unit: 'bytes',
      width: 8,
      queries: [query('used', 'max(votestream_redis_memory_bytes)')],
    }),
    lines({
      title: 'How far each is behind the log',
      description:
        'CONSUMER_LAG_P99_MAX_MS bounds the p99 of Redis; ClickHouse is written to every two seconds.',
      unit: 's',
      width: 8,
      queries: [
        query(
          '{{sink}} {{shard}}',
          'max by (sink, shard) (votestream_consumer_lag_seconds{shard=~"$shard"})',
        ),
      ],
    }),
    lines({
      title: 'Written',
      description: 'Stretches of the log that Redis applied, and inserts that ClickHouse took.',
      unit: 'ops',
      width: 8,
      queries: [
        query('redis', perSecond('votestream_tally_apply_seconds_count')),
        query('clickhouse', perSecond('votestream_archive_insert_seconds_count')),
      ],
    }),
  ],
}

const disks: Row = {
  title: 'Disks',
  panels: [
    bars({
      title: 'Free',
      description: 'Of each disk. A full one takes no votes.',
      unit: 'percentunit',
      width: 8,
      badBelow: 0.1,
      queries: [query('{{of}}', 'min by (of) (votestream_disk_free_bytes / votestream_disk_size_bytes)')],
    }),
    lines({
      title: 'Free, and as it will be in four hours',
      description: 'As it went in the last hour; below 0, somebody is woken.',
      unit: 'bytes',
      width: 16,
      badBelow: 0,
      queries: [
        query('{{of}} now', 'min by (of) (votestream_disk_free_bytes)'),
        query(
          '{{of}} in four hours',
          'min by (of) (predict_linear(votestream_disk_free_bytes[1h], 4 * 3600))',
        ),
      ],
    }),
  ],
}

export const stores: Dashboard = {
  uid: 'votestream-stores',
  title: 'Stores',
  description: 'NATS, Redis, ClickHouse, and the disks below them.',
  variables: [
    { name: 'shard', label: 'Shard', query: 'label_values(votestream_log_bytes, shard)', many: true },
  ],
  rows: [health, log, sinks, disks],
}
