import { type Dashboard, figure, lines, percentile, perSecond, query, type Row, spread } from './dashboard.js'

const ours = 'instance=~"$instance"'

const audience: Row = {
  title: 'Who looks on',
  panels: [
    figure({
      title: 'Viewers now',
      description: 'Sockets and streams of events that are open.',
      unit: 'short',
      width: 4,
      queries: [query('viewers', `sum(votestream_live_connections{${ours}})`)],
    }),
    figure({
      title: 'Different questions',
      description: 'Each is executed once for a change, however many ask it.',
      unit: 'short',
      width: 4,
      queries: [query('questions', `sum(votestream_live_groups{${ours}})`)],
    }),
    figure({
      title: 'Work that sharing saved',
      description: 'Of what was sent, what did not have to be made.',
      unit: 'percentunit',
      width: 4,
      queries: [
        query(
          'saved',
          `1 - ${perSecond('votestream_live_made_total', { where: ours })} / ${perSecond('votestream_live_messages_total', { where: ours })}`,
        ),
      ],
    }),
    lines({
      title: 'Viewers',
      description: 'Sockets and streams of events, by gateway.',
      unit: 'short',
      width: 12,
      queries: [query('{{instance}}', `sum by (instance) (votestream_live_connections{${ours}})`)],
    }),
  ],
}

const boards: Row = {
  title: 'Boards',
  panels: [
    lines({
      title: 'Sent',
      description: 'Messages to viewers, by gateway.',
      unit: 'ops',
      width: 12,
      queries: [
        query('{{instance}}', perSecond('votestream_live_messages_total', { by: 'instance', where: ours })),
      ],
    }),
    lines({
      title: 'Skipped, and viewers dropped',
      description: 'Who does not read skips to the latest; after ten seconds its socket is closed.',
      unit: 'ops',
      width: 12,
      queries: [
        query('skipped', perSecond('votestream_live_skipped_total', { where: ours })),
        query('dropped', perSecond('votestream_live_dropped_total', { where: ours })),
      ],
    }),
    spread(
      {
        title: 'From Redis to the last viewer’s socket',
        description: 'The level is a p99 of 200 ms.',
        width: 12,
      },
      'votestream_fanout_seconds',
      `viewer="last", ${ours}`,
    ),
    spread(
      {
        title: 'From the acknowledgement to the viewers',
        description: 'The levels are a p95 of 500 ms and a p99 of 1 s.',
        width: 12,
      },
      'votestream_end_to_end_seconds',
      `from="acked_at", ${ours}`,
    ),
    lines({
      title: 'Fan-out by the viewer’s place, p99',
      description:
        'First and last far apart: a board takes long to send to everybody, and more gateways help.',
      unit: 's',
      width: 12,
      badFrom: 0.2,
      queries: [
        query('{{viewer}}', percentile(99, 'votestream_fanout_seconds', { by: 'viewer', where: ours })),
      ],
    }),
    lines({
      title: 'Delay of the gateways’ event loop, p99',
      description: 'While a board is sent, votes wait behind it.',
      unit: 's',
      width: 12,
      badFrom: 0.05,
      queries: [
        query(
          '{{instance}}',
          `max by (instance) (nodejs_eventloop_lag_p99_seconds{service="gateway", ${ours}})`,
        ),
      ],
    }),
  ],
}

export const liveViewers: Dashboard = {
  uid: 'votestream-live-viewers',
  title: 'Live viewers',
  description: 'Those who follow a board, and how soon they see what changed.',
  variables: [
    {
      name: 'instance',
      label: 'Gateway',
      query: 'label_values(votestream_live_connections, instance)',
      many: true,
    },
  ],
  rows: [audience, boards],
}
