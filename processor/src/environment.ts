import {
  clickhouseVariables,
  commonVariables,
  portVariable,
  readEnvironment,
  redisVariables,
  wholeVariable,
} from '@votestream/infra/environment'
import { z } from 'zod'

/** @throws EnvironmentError that names each faulty variable. */
export const readProcessorEnvironment = (source: NodeJS.ProcessEnv) =>
  readEnvironment(
    {
      ...commonVariables,
      ...redisVariables,
      ...clickhouseVariables,
      /** The public identifiers in ClickHouse's tables of events are made with it. */
      ID_SECRET: z.string().min(1),
      PROCESSOR_METRICS_PORT: portVariable(9403),
      /** A shard's part of a board is published at most once in this time. */
      BOARD_TICK_MS: wholeVariable(50, 1, 10_000),
    },
    source,
  )
