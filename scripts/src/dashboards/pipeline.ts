import { type Dashboard, lines, mean, percentile, perSecond, query, type Row } from './dashboard.js'
import { processes, queues } from './pipeline-limits.js'

const ours = 'instance=~"$instance"'
const shards = 'shard=~"$shard"'

const frontDoor: Row = {
  title: 'Front door: requests are admitted and answered',
  panels: [
    lines({
      title: 'Requests by operation',
      description: 'Whatever they come in by.',
      unit: 'reqps',
      width: 8,
      queries: [
        query(
          '{{api}} {{operation}}',
          perSecond('votestream_requests_total', { by: 'api, operation', where: ours }),
        ),
      ],
    }),
    lines({
      title: 'Answers by code',
      description: 'OK, or the code of schema/src/errors.ts.',
      unit: 'reqps',
      width: 8,
      queries: [query('{{code}}', perSecond('votestream_requests_total', { by: 'code', where: ours }))],
    }),
    lines({
      title: 'Refused with 429, by the limit that had no room',
      description: 'A limit that refuses much is either an attack or too low.',
      unit: 'reqps',
      width: 8,
      queries: [query('{{limit}}', perSecond('votestream_throttled_total', { by: 'limit', where: ours }))],
    }),
    lines({
      title: 'Acknowledged, p99 by API: within 50 ms',
      description: 'From a vote having arrived until its acknowledgement is handed to the socket.',
      unit: 's',
      width: 12,
      badFrom: 0.05,
      queries: [query('{{api}}', percentile(99, 'votestream_ingest_seconds', { by: 'api', where: ours }))],
    }),
    lines({
      title: 'Votes in a batch to the owner of a shard',
      description: 'One: nobody waits for anybody. Many: a crowd, and round trips are shared.',
      unit: 'none',
      width: 12,
      queries: [
        query('mean', mean('votestream_submission_batch_votes', { where: ours })),
        query('p99', percentile(99, 'votestream_submission_batch_votes', { where: ours })),
      ],
    }),
  ],
}

const ingest: Row = {
  title: 'Ingest: the owner of each shard decides and commits',
  panels: [
    lines({
      title: 'Votes by outcome',
      description: 'What their shard’s owner decided.',
      unit: 'ops',
      width: 8,
      queries: [query('{{outcome}}', perSecond('votestream_votes_total', { by: 'outcome', where: shards }))],
    }),
    lines({
      title: 'A commit to the log, until it is synced',
      description: 'Most of an acknowledgement is this. Slow here, and fast elsewhere: the broker’s disk.',
      unit: 's',
      width: 8,
      queries: [
        query('p50', percentile(50, 'votestream_commit_seconds', { where: ours })),
        query('p99', percentile(99, 'votestream_commit_seconds', { where: ours })),
      ],
    }),
    lines({
      title: 'Votes in a commit',
      description: 'What shares one sync of the disk.',
      unit: 'none',
      width: 8,
      queries: [
        query('mean', mean('votestream_commit_batch_votes', { where: ours })),
        query('p99', percentile(99, 'votestream_commit_batch_votes', { where: ours })),
      ],
    }),
    lines({
      title: 'Holders of leases',
      description: 'Each role of each shard has exactly one.',
      unit: 'none',
      width: 12,
      badBelow: 1,
      queries: [query('{{role}} {{shard}}', `sum by (role, shard) (votestream_lease_held{${shards}})`)],
    }),
    lines({
      title: 'Leases that changed hands',
      description: 'Lost: a holder that was too slow, or was cut off, or died.',
      unit: 'ops',
      width: 12,
      queries: [
        query(
          '{{role}} {{change}}',
          perSecond('votestream_lease_changes_total', { by: 'role, change', where: shards }),
        ),
      ],
    }),
  ],
}

const tally: Row = {
  title: 'Tally: the log is counted into Redis',
  panels: [
    lines({
      title: 'Counted: p99 within 200 ms',
      description: 'From the broker storing a message until Redis has applied it.',
      unit: 's',
      width: 8,
      badFrom: 0.2,
      queries: [
        query('p50', percentile(50, 'votestream_processing_seconds', { where: ours })),
        query('p99', percentile(99, 'votestream_processing_seconds', { where: ours })),
      ],
    }),
    lines({
      title: 'One stretch of the log, applied by Redis',
      description: 'A script that applies all of it, or nothing.',
      unit: 's',
      width: 8,
      queries: [
        query('p50', percentile(50, 'votestream_tally_apply_seconds', { where: ours })),
        query('p99', percentile(99, 'votestream_tally_apply_seconds', { where: ours })),
      ],
    }),
    lines({
      title: 'Votes in a stretch',
      description: 'Many: the tally catches up.',
      unit: 'none',
      width: 8,
      queries: [
        query('mean', mean('votestream_tally_batch_votes', { where: ours })),
        query('p99', percentile(99, 'votestream_tally_batch_votes', { where: ours })),
      ],
    }),
    lines({
      title: 'How far Redis is behind the log, p99',
      description:
        'Of samples of every shard, once a second, and the bound that CONSUMER_LAG_P99_MAX_MS sets.',
      unit: 's',
      width: 8,
      queries: [
        query('p99', percentile(99, 'votestream_consumer_lag_sampled_seconds', { where: 'sink="redis"' })),
        query('bound', 'max(votestream_consumer_lag_p99_max_seconds)'),
      ],
    }),
    lines({
      title: 'How far Redis is behind each log',
      description: 'Age of the oldest message that Redis does not hold.',
      unit: 's',
      width: 8,
      badFrom: 0.2,
      queries: [
        query('shard {{shard}}', `max by (shard) (votestream_consumer_lag_seconds{sink="redis", ${shards}})`),
      ],
    }),
    lines({
      title: 'Messages and votes that wait for Redis',
      description: 'In the log, and not in Redis yet.',
      unit: 'short',
      width: 8,
      queries: [
        query(
          'messages, shard {{shard}}',
          `max by (shard) (votestream_consumer_lag_messages{sink="redis", ${shards}})`,
        ),
        query(
          'votes, shard {{shard}}',
          `max by (shard) (votestream_consumer_lag_votes{sink="redis", ${shards}})`,
        ),
      ],
    }),
  ],
}

const fanout: Row = {
  title: 'Fan-out: boards go to the viewers',
  panels: [
    lines({
      title: 'Sent, p99 by the viewer’s place: within 200 ms',
      description: 'The first, the middle and the last of those who are sent the same.',
      unit: 's',
      width: 12,
      badFrom: 0.2,
      queries: [
        query('{{viewer}}', percentile(99, 'votestream_fanout_seconds', { by: 'viewer', where: ours })),
      ],
    }),
    lines({
      title: 'Boards made, and sent',
      description: 'One is made for everybody who asks for the same.',
      unit: 'ops',
      width: 12,
      queries: [
        query('made', perSecond('votestream_live_made_total', { where: ours })),
        query('sent', perSecond('votestream_live_messages_total', { where: ours })),
      ],
    }),
  ],
}

const archive: Row = {
  title: 'Archive: every vote goes to ClickHouse',
  panels: [
    lines({
      title: 'An insert, until it is synced',
      description: 'One at a time for each shard.',
      unit: 's',
      width: 8,
      queries: [
        query('p50', percentile(50, 'votestream_archive_insert_seconds', { where: ours })),
        query('p99', percentile(99, 'votestream_archive_insert_seconds', { where: ours })),
      ],
    }),
    lines({
      title: 'Rows in an insert',
      description: 'What came while the one before was under way.',
      unit: 'none',
      width: 8,
      queries: [
        query('mean', mean('votestream_archive_batch_rows', { where: ours })),
        query('p99', percentile(99, 'votestream_archive_batch_rows', { where: ours })),
      ],
    }),
    lines({
      title: 'How far ClickHouse is behind the log',
      description: 'By shard. It is written to every two seconds.',
      unit: 's',
      width: 8,
      badFrom: 60,
      queries: [
        query(
          'shard {{shard}}',
          `max by (shard) (votestream_consumer_lag_seconds{sink="clickhouse", ${shards}})`,
        ),
      ],
    }),
  ],
}

export const pipeline: Dashboard = {
  uid: 'votestream-pipeline',
  title: 'Pipeline',
  description: 'A vote’s way through the stages: a row each, in the order of the way.',
  variables: [
    { name: 'instance', label: 'Process', query: 'label_values(up{job="votestream"}, instance)', many: true },
    { name: 'shard', label: 'Shard', query: 'label_values(votestream_lease_held, shard)', many: true },
  ],
  rows: [frontDoor, ingest, tally, fanout, archive, queues, processes],
}
