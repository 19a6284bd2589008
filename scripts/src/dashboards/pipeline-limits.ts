import { lines, perSecond, query, type Row } from './dashboard.js'

const ours = 'instance=~"$instance"'

/** What waits in each process. */
export const queues: Row = {
  title: 'Queues: each has a bound',
  panels: [
    lines({
      title: 'How full they are',
      description: 'At 100 % the next one is refused, or waits.',
      unit: 'percentunit',
      width: 12,
      badFrom: 0.8,
      queries: [
        query(
          '{{service}} {{queue}}',
          `max by (service, queue) (votestream_queue_depth{${ours}} / votestream_queue_bound{${ours}})`,
        ),
      ],
    }),
    lines({
      title: 'Refused by a full queue',
      description: 'None in a healthy system.',
      unit: 'ops',
      width: 12,
      queries: [
        query(
          '{{service}} {{queue}}',
          perSecond('votestream_queue_refused_total', { by: 'service, queue', where: ours }),
        ),
      ],
    }),
  ],
}

/** What each process takes of its machine. */
export const processes: Row = {
  title: 'Processes',
  panels: [
    lines({
      title: 'Processor time',
      description: '100 %: one core. A process of Node does its own work on one.',
      unit: 'percentunit',
      width: 8,
      badFrom: 0.9,
      queries: [
        query(
          '{{service}} {{instance}}',
          perSecond('process_cpu_seconds_total', { by: 'service, instance', where: ours }),
        ),
      ],
    }),
    lines({
      title: 'Delay of the event loop, p99',
      description: 'What everything in that process waits behind.',
      unit: 's',
      width: 8,
      queries: [
        query(
          '{{service}} {{instance}}',
          `max by (service, instance) (nodejs_eventloop_lag_p99_seconds{${ours}})`,
        ),
      ],
    }),
    lines({
      title: 'Memory',
      description: 'Resident, of each process. One that only grows has a leak.',
      unit: 'bytes',
      width: 8,
      queries: [
        query(
          '{{service}} {{instance}}',
          `sum by (service, instance) (process_resident_memory_bytes{${ours}})`,
        ),
      ],
    }),
  ],
}
