import {
  commonVariables,
  portVariable,
  readEnvironment,
  redisVariables,
  wholeVariable,
} from '@votestream/infra/environment'
import { telemetryVariables } from '@votestream/infra/telemetry/variables'

/** @throws EnvironmentError that names each faulty variable. */
export const readIngestEnvironment = (source: NodeJS.ProcessEnv) =>
  readEnvironment(
    {
      ...commonVariables,
      ...redisVariables,
      ...telemetryVariables,
      INGEST_METRICS_PORT: portVariable(9402),
      /** Without the broker's answer after this, the outcome of an append counts as unknown. */
      APPEND_TIMEOUT_MS: wholeVariable(1_000, 50, 60_000),
      /** Votes that may wait in one shard; beyond, they are turned away at once. */
      WAITING_VOTES_MAX: wholeVariable(50_000, 1_000, 10_000_000),
    },
    source,
  )

export type IngestEnvironment = ReturnType<typeof readIngestEnvironment>
