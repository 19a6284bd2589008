import {
  APIS,
  BEACON_RESULTS,
  DOCUMENT_CODES,
  OTHER_OPERATIONS,
  POLICY,
  RUM_ERROR_KINDS,
  RUM_MEASURES,
  SECURITY_EVENTS,
} from '@votestream/gateway/metrics'
import { LEASE_CHANGES } from '@votestream/infra/metrics/leases'
import { STORES } from '@votestream/infra/metrics/store-health'
import { APPEND_RESULTS, VOTE_OUTCOMES } from '@votestream/ingest/metrics'
import { BOOK_STATES, BOOKS, DISKS, SINKS } from '@votestream/processor/metrics'
import { ERRORS } from '@votestream/schema/errors'
import { RESULTS } from '../synthetic/verdict.js'

/** What a label may hold. Every one is bounded: a metric has as many series as its labels have values. */
export interface LabelRule {
  readonly told: string
  allows(value: string): boolean
}

const oneOf = (...values: readonly string[]): LabelRule => ({
  told: values.map((value) => `\`${value}\``).join(', '),
  allows: (value) => values.includes(value),
})
const like = (pattern: RegExp, told: string): LabelRule => ({ told, allows: (value) => pattern.test(value) })

const CODES = ['OK', ...Object.keys(ERRORS), ...DOCUMENT_CODES]

/** By the label's name; where several metrics mean different things by it, by the metric's as well. */
const RULES: Readonly<Record<string, LabelRule>> = {
  api: oneOf(...APIS),
  operation: {
    ...oneOf(...Object.keys(POLICY), ...OTHER_OPERATIONS),
    told: 'an operation of the policy (`npm run policy`), `connect` (a socket was opened, or not), `none` (a request that names none)',
  },
  code: {
    ...oneOf(...CODES),
    told: `\`OK\`, a code of \`schema/src/errors.ts\`, ${DOCUMENT_CODES.map((code) => `\`${code}\``).join(', ')}`,
  },
  limit: oneOf('service', 'api', 'key', 'user', 'address', 'quota'),
  plan: like(
    /^(-|[A-Za-z0-9][\w.-]{0,63})$/,
    'the name of a usage plan, of which there are as many as operators make; `-`: none',
  ),
  key: like(/^[\w-]{1,64}$/, 'the id of an API key, of at most 100 at a time'),
  viewer: oneOf('first', 'middle', 'last'),
  from: oneOf('acked_at', 'client'),
  queue: oneOf('votes', 'connections', 'passwords', 'commit', 'archive_rows'),
  store: oneOf(...STORES),
  sink: oneOf(...SINKS),
  shard: like(/^([0-9]|[1-5][0-9]|6[0-3])$/, '`0` to `SHARDS` − 1'),
  measure: oneOf(...RUM_MEASURES),
  'votestream_rum_errors_total.kind': oneOf(...RUM_ERROR_KINDS),
  'votestream_rum_beacons_total.result': oneOf(...BEACON_RESULTS),
  'votestream_synthetic_checks_total.api': oneOf('rest', 'graphql'),
  'votestream_synthetic_checks_total.result': oneOf(...RESULTS),
  'votestream_synthetic_windows_total.kind': oneOf('window', 'event'),
  verdict: oneOf('passed', 'failed'),
  leg: oneOf('acknowledged', 'seen'),
  role: oneOf('ingest', 'tally', 'archive', 'janitor'),
  change: oneOf(...LEASE_CHANGES),
  result: oneOf(...APPEND_RESULTS),
  'votestream_spans_dropped_total.reason': oneOf('queue_full', 'export_failed'),
  book: oneOf(...BOOKS),
  state: oneOf(...BOOK_STATES),
  of: oneOf(...DISKS),
  event: like(/^[\w-]{22}$/, 'the public id of an event, of at most 10 at a time'),
  'votestream_security_events_total.event': oneOf(...Object.keys(SECURITY_EVENTS)),
  'votestream_votes_total.outcome': oneOf(...VOTE_OUTCOMES),
  'votestream_api_key_requests_total.outcome': oneOf(
    'admitted',
    'quota_exceeded',
    'unavailable',
    'invalid',
    'missing',
  ),
  kind: oneOf('major', 'minor', 'incremental', 'weakcb'),
  space: like(/^[a-z_]{1,40}$/, 'a space of V8’s heap'),
  type: like(/^\w{1,40}$/, 'a class of handles of Node'),
  version: like(/^v\d+\.\d+\.\d+$/, 'of Node'),
  major: like(/^\d+$/, 'of Node’s version'),
  minor: like(/^\d+$/, 'of Node’s version'),
  patch: like(/^\d+$/, 'of Node’s version'),
}

/** @throws Error for a label without a rule: what it may hold has to be said. */
export const labelRule = (metric: string, label: string): LabelRule => {
  const rule = RULES[`${metric}.${label}`] ?? RULES[label]
  if (!rule) throw new Error(`${metric}: nothing says what its label ${label} may hold`)
  return rule
}
