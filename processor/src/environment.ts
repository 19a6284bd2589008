import {
  clickhouseVariables,
  commonVariables,
  portVariable,
  readEnvironment,
  redisVariables,
  wholeVariable,
} from '@votestream/infra/environment'

/** @throws EnvironmentError that names each faulty variable. */
export const readProcessorEnvironment = (source: NodeJS.ProcessEnv) =>
  readEnvironment(
    {
      ...commonVariables,
      ...redisVariables,
      ...clickhouseVariables,
      PROCESSOR_METRICS_PORT: portVariable(9403),
      /** A shard's part of a board is published at most once in this time. */
      BOARD_TICK_MS: wholeVariable(50, 1, 10_000),
    },
    source,
  )
