import { bars, type Dashboard, figure, lines, percentile, percentiles, query, type Row } from './dashboard.js'

const LEVEL_LINES = [
  {
    level: 'ingest',
    title: 'Acknowledged, p99',
    seconds: 0.05,
    description: 'From a vote having arrived until its acknowledgement that it is on disk: at most 50 ms.',
  },
  {
    level: 'processing',
    title: 'Counted, p99',
    seconds: 0.2,
    description: 'From the log until Redis has it: at most 200 ms.',
  },
  {
    level: 'fan-out',
    title: 'Sent, p99',
    seconds: 0.2,
    description: 'From Redis until the socket of the last viewer: at most 200 ms.',
  },
  {
    level: 'end-to-end-p95',
    title: 'End to end, p95',
    seconds: 0.5,
    description: 'From the acknowledgement until the frame with the vote leaves: at most 500 ms.',
  },
  {
    level: 'end-to-end-p99',
    title: 'End to end, p99',
    seconds: 1,
    description: 'From the acknowledgement until the frame with the vote leaves: at most 1 s.',
  },
] as const

const now: Row = {
  title: 'Now, against the service levels',
  panels: [
    ...LEVEL_LINES.map(({ level, title, seconds, description }) =>
      figure({
        title,
        description,
        unit: 's',
        width: 4,
        badFrom: seconds,
        queries: [query(level, `votestream:latency_seconds{level="${level}"}`)],
      }),
    ),
    figure({
      title: 'Votes answered without a fault of ours',
      description:
        'Of the votes of the last five minutes, those that were not answered with 5xx: at least 99.9 %.',
      unit: 'percentunit',
      decimals: 3,
      width: 4,
      badBelow: 0.999,
      queries: [query('answered', '1 - votestream:service_level_errors:ratio5m{level="availability"}')],
    }),
  ],
}

const endToEnd: Row = {
  title: 'End to end: p95 within 500 ms, p99 within 1 s',
  panels: [
    lines({
      title: 'From the acknowledgement to the viewers',
      description:
        'By our clock. What a vote took until it was acknowledged is not in it: see the first of the stages below.',
      unit: 's',
      width: 12,
      badFrom: 1,
      queries: percentiles('votestream_end_to_end_seconds', 'from="acked_at"'),
    }),
    lines({
      title: 'From the client’s own time to the viewers',
      description:
        'By what clients say of themselves: all of it, and every clock that is wrong. Nobody is woken by it.',
      unit: 's',
      width: 12,
      badFrom: 1,
      queries: percentiles('votestream_end_to_end_seconds', 'from="client"'),
    }),
    lines({
      title: 'As the prober sees it: acknowledged',
      description: 'Synthetic votes: from sending one until its acknowledgement, by one clock.',
      unit: 's',
      width: 12,
      badFrom: 0.05,
      queries: percentiles('votestream_synthetic_leg_seconds', 'leg="acknowledged"'),
    }),
    lines({
      title: 'As the prober sees it: seen on a live board',
      description: 'Synthetic votes: from sending one until a viewer’s board shows it, by one clock.',
      unit: 's',
      width: 12,
      badFrom: 1,
      queries: percentiles('votestream_synthetic_leg_seconds', 'leg="seen"'),
    }),
  ],
}

const stages: Row = {
  title: 'Each stage',
  panels: [
    lines({
      title: 'Acknowledged: p99 within 50 ms',
      description:
        'From a vote having arrived at the gateway until its acknowledgement is handed to the socket.',
      unit: 's',
      width: 8,
      badFrom: 0.05,
      queries: percentiles('votestream_ingest_seconds'),
    }),
    lines({
      title: 'Counted: p99 within 200 ms',
      description: 'From the broker storing a message of the log until Redis has applied it.',
      unit: 's',
      width: 8,
      badFrom: 0.2,
      queries: percentiles('votestream_processing_seconds'),
    }),
    lines({
      title: 'Sent: p99 within 200 ms',
      description: 'From Redis having a change until it is handed to the socket of the last viewer.',
      unit: 's',
      width: 8,
      badFrom: 0.2,
      queries: percentiles('votestream_fanout_seconds', 'viewer="last"'),
    }),
  ],
}

const budgets: Row = {
  title: 'Error budgets, of 30 days',
  panels: [
    bars({
      title: 'Left',
      description: 'What may still go wrong in the window: 100 % untouched, 0 used up, below that overdrawn.',
      unit: 'percentunit',
      width: 6,
      badBelow: 0,
      queries: [query('{{level}}', 'votestream:service_level_budget:left')],
    }),
    lines({
      title: 'How fast it burns',
      description:
        'Times as fast as would use up the budget in exactly 30 days, over the last hour. At 14.4 somebody is woken, if the last five minutes are as bad.',
      unit: 'none',
      width: 9,
      badFrom: 14.4,
      queries: [
        query(
          '{{level}}',
          'votestream:service_level_errors:ratio1h / on (level) (1 - votestream:service_level_objective:ratio)',
        ),
      ],
    }),
    lines({
      title: 'Not good, of the last five minutes',
      description: 'The share of votes, boards or requests that missed their level.',
      unit: 'percentunit',
      width: 6,
      queries: [query('{{level}}', 'votestream:service_level_errors:ratio5m')],
    }),
    figure({
      title: 'Alerts that fire',
      description: 'Each leads to a page of infra/prometheus/runbooks.',
      unit: 'none',
      width: 3,
      badFrom: 1,
      queries: [query('alerts', 'count(ALERTS{alertstate="firing"}) or vector(0)')],
    }),
  ],
}

const users: Row = {
  title: 'What real users see',
  panels: [
    lines({
      title: 'From their vote to a board with it',
      description: 'Told by browsers that show the page.',
      unit: 's',
      width: 8,
      badFrom: 1,
      queries: percentiles('votestream_rum_seconds', 'measure="vote_to_seen"'),
    }),
    lines({
      title: 'The page, at p75',
      description: 'First byte, first paint, largest paint, the slowest answer to an input, the first board.',
      unit: 's',
      width: 8,
      queries: [
        query(
          '{{measure}}',
          percentile(75, 'votestream_rum_seconds', { by: 'measure', where: 'measure!="vote_to_seen"' }),
        ),
      ],
    }),
    lines({
      title: 'Errors and beacons',
      description: 'Errors that pages tell of, and what became of what they told.',
      unit: 'ops',
      width: 8,
      queries: [
        query('error {{kind}}', 'sum by (kind) (rate(votestream_rum_errors_total[$__rate_interval]))'),
        query('beacons {{result}}', 'sum by (result) (rate(votestream_rum_beacons_total[$__rate_interval]))'),
      ],
    }),
  ],
}

export const serviceLevels: Dashboard = {
  uid: 'votestream-service-levels',
  title: 'Service levels',
  description: 'From a vote to every screen: what was promised, and how much of what may go wrong is left.',
  variables: [],
  rows: [now, endToEnd, stages, budgets, users],
}
