import { randomUUID } from 'node:crypto'
import type { ClickHouseClient } from '@votestream/infra/clickhouse'
import { VotestreamError } from '@votestream/schema/errors'
import type { Deadline } from './deadlines.js'

/** Questions to ClickHouse that end there, too, once nobody waits for the answer. */
export interface ArchiveQueries {
  /** @throws VotestreamError RESULTS_UNAVAILABLE */
  select<Row>(query: string, values: Record<string, unknown>, deadline?: Deadline): Promise<Row[]>
}

interface ArchiveQueriesOptions {
  readonly clickhouse: Pick<ClickHouseClient, 'query' | 'command'>
  /** Of one question. */
  readonly timeoutMs: number
}

export const createArchiveQueries = ({ clickhouse, timeoutMs }: ArchiveQueriesOptions): ArchiveQueries => {
  /** A server does not always notice that its client left. What is not there any more cannot be killed, and need not be. */
  const kill = (queryId: string): void => {
    const query = 'KILL QUERY WHERE query_id = {queryId:String} ASYNC'
    clickhouse.command({ query, query_params: { queryId } }).catch(() => undefined)
  }

  return {
    async select<Row>(query: string, values: Record<string, unknown>, deadline?: Deadline) {
      const queryId = randomUUID()
      const timeout = AbortSignal.timeout(timeoutMs)
      const signal = deadline ? AbortSignal.any([timeout, deadline.signal()]) : timeout
      try {
        const result = await clickhouse.query({
          query,
          query_params: values,
          query_id: queryId,
          abort_signal: signal,
          format: 'JSONEachRow',
          clickhouse_settings: {
            output_format_json_quote_64bit_integers: 0,
            // Whatever becomes of this process, the server ends it by itself.
            max_execution_time: Math.ceil(timeoutMs / 1_000),
          },
        })
        return await result.json<Row>()
      } catch (cause) {
        if (signal.aborted) kill(queryId)
        throw archiveUnavailable(cause)
      }
    },
  }
}

export const archiveUnavailable = (cause: unknown): VotestreamError =>
  new VotestreamError('RESULTS_UNAVAILABLE', { retryAfterSeconds: 1, cause })
