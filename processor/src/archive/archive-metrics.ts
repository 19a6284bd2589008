import { LATENCY_BUCKETS_SECONDS } from '@votestream/infra/latency-buckets'
import { createHistogram, type Observer, SIZE_BUCKETS } from '@votestream/infra/metrics/histograms'
import type { Registry } from 'prom-client'

/** What operators see of the writing to ClickHouse. */
export interface ArchiveMetrics {
  readonly batchRows: Observer
  readonly insertSeconds: Observer
}

export const createArchiveMetrics = (registry: Registry): ArchiveMetrics => ({
  batchRows: createHistogram({
    registry,
    name: 'votestream_archive_batch_rows',
    help: 'Rows of a batch that was archived',
    buckets: SIZE_BUCKETS,
  }),
  insertSeconds: createHistogram({
    registry,
    name: 'votestream_archive_insert_seconds',
    help: 'How long a batch took to be written to ClickHouse, its windows and its checkpoint included; tries that failed are not in it',
    buckets: LATENCY_BUCKETS_SECONDS,
  }),
})
