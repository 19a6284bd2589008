import { messagingAttributes } from '@votestream/infra/telemetry/attributes'
import { readTraceParent } from '@votestream/infra/telemetry/trace-context'
import { NO_STAGE, NO_TRACING, type Stage, type Tracing } from '@votestream/infra/telemetry/tracing'
import { TRACES_SHOWN_MAX } from '@votestream/schema/votes'

/** The last part of a sampled vote's story: the board that shows it first, pushed to those who watch. */
export interface BoardTraces {
  /**
   * Until a board is sent to all who asked for the same. Of each board the first such group is told of: there may be
   * thousands of groups.
   * @param traces of the board, each a `traceparent`; the same list for the same board
   */
  push(traces: readonly string[] | undefined): Stage
}

export const createBoardTraces = (tracing: Tracing): BoardTraces => {
  const told = new WeakSet<readonly string[]>()
  return {
    push(traces) {
      if (!traces || told.has(traces)) return NO_STAGE
      told.add(traces)
      return tracing.stage(
        {
          name: 'leaderboard push',
          kind: 'consumer',
          attributes: messagingAttributes({
            operation: 'push',
            type: 'process',
            destination: 'leaderboard',
            template: 'leaderboard.{event}',
          }),
        },
        traces.flatMap((text) => readTraceParent(text) ?? []),
      )
    },
  }
}

export const NO_BOARD_TRACES: BoardTraces = createBoardTraces(NO_TRACING)

/** The first few of both; undefined where there are none. */
export const joinTraces = (
  earlier: readonly string[] | undefined,
  later: readonly string[] | undefined,
): readonly string[] | undefined => {
  if (!later?.length) return earlier
  return earlier?.length ? [...earlier, ...later].slice(0, TRACES_SHOWN_MAX) : later
}

/** What a viewer is told: the traces, and nothing of the spans in them. Each once. */
export const traceIdsOf = (traces: readonly string[]): readonly string[] =>
  [...new Set(traces.flatMap((text) => readTraceParent(text)?.traceId ?? []))].slice(0, TRACES_SHOWN_MAX)
