import {
  clickhouseVariables,
  commonVariables,
  optionalWholeVariable,
  portVariable,
  readEnvironment,
  redisVariables,
  wholeVariable,
} from '@votestream/infra/environment'
import { telemetryVariables } from '@votestream/infra/telemetry/variables'
import { z } from 'zod'

/** @throws EnvironmentError that names each faulty variable. */
export const readProcessorEnvironment = (source: NodeJS.ProcessEnv) =>
  readEnvironment(
    {
      ...commonVariables,
      ...redisVariables,
      ...telemetryVariables,
      ...clickhouseVariables,
      /** The public identifiers in ClickHouse's tables of events are made with it. */
      ID_SECRET: z.string().min(1),
      PROCESSOR_METRICS_PORT: portVariable(9403),
      /** The log keeps votes for so long; unset, for ever. */
      LOG_RETENTION_HOURS: optionalWholeVariable(1, 1_000_000),
      /** The log of each shard keeps the latest votes up to this size; unset, all. */
      LOG_BYTES_MAX: optionalWholeVariable(1, Number.MAX_SAFE_INTEGER),
      /** A shard's part of a board is published at most once in this time. */
      BOARD_TICK_MS: wholeVariable(50, 1, 10_000),
      /** What the 99th percentile of the lag of Redis is to stay below: for the alert, which compares. */
      CONSUMER_LAG_P99_MAX_MS: wholeVariable(200, 1, 3_600_000),
      /** Where this machine keeps its data, to be told how full its disks are. */
      DATA_DIR: z.string().min(1).optional(),
    },
    source,
  )
