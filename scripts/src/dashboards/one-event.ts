import { type Dashboard, figure, lines, query, type Row, table } from './dashboard.js'

const event = 'event="$event"'

/** Several processors may tell of an event: the highest is the latest, since books only grow. */
const book = (name: string, state: string): string =>
  `max(votestream_books_votes{${event}, book="${name}", state="${state}"})`

const now: Row = {
  title: 'The books now',
  panels: [
    figure({
      title: 'Entries',
      description: 'Votes that were acknowledged, and decisions about them, as far as Redis has the log.',
      unit: 'short',
      width: 6,
      queries: [query('entries', book('redis', 'entries'))],
    }),
    figure({
      title: 'That count',
      description: 'As Redis has it, and so the boards.',
      unit: 'short',
      width: 6,
      queries: [query('counted', book('redis', 'counted'))],
    }),
    figure({
      title: 'Rejected',
      description: 'Flagged as fraud, or by an operator’s decision.',
      unit: 'short',
      width: 6,
      queries: [query('rejected', book('redis', 'rejected'))],
    }),
    figure({
      title: 'Difference',
      description:
        'Between Redis and ClickHouse as of the same message of each log. Anything but 0 wakes somebody.',
      unit: 'none',
      width: 6,
      badFrom: 1,
      queries: [query('votes', `max(abs(votestream_books_difference_votes{${event}}))`)],
    }),
  ],
}

const course: Row = {
  title: 'As it went',
  panels: [
    lines({
      title: 'Votes a second',
      description: 'That Redis counted.',
      unit: 'ops',
      width: 12,
      queries: [
        query('votes', `max(deriv(votestream_books_votes{${event}, book="redis", state="entries"}[5m]))`),
      ],
    }),
    lines({
      title: 'Entries, by book',
      description: 'The two lie on one another, ClickHouse a few seconds behind.',
      unit: 'short',
      width: 12,
      queries: [query('{{book}}', `max by (book) (votestream_books_votes{${event}, state="entries"})`)],
    }),
    table({
      title: 'Every book, every state',
      description: 'Entries = counted + rejected + superseded + dead.',
      unit: 'none',
      width: 24,
      queries: [query('', `max by (book, state) (votestream_books_votes{${event}})`)],
    }),
  ],
}

export const oneEvent: Dashboard = {
  uid: 'votestream-one-event',
  title: 'One event',
  description: 'The books of an event: what is in the log, what counts, and whether all say the same.',
  variables: [
    { name: 'event', label: 'Event', query: 'label_values(votestream_books_votes, event)', many: false },
  ],
  rows: [now, course],
}
