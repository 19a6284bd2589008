import type { Logger } from '@votestream/infra/logging'
import type { VotestreamError } from '@votestream/schema/errors'

/**
 * A line for everything that is our fault, with its code and its trace. What was put off because something is away or slow
 * is a warning: all that comes meanwhile fails alike, and the log takes no more of such lines than it can bear.
 * @param about asked for only where a line is written
 */
export const logFailure = (
  logger: Logger,
  told: VotestreamError,
  what: 'request' | 'operation',
  about: () => Record<string, unknown>,
): void => {
  if (told.status < 500) return
  const article = what === 'request' ? 'a' : 'an'
  if (told.status === 503 || told.status === 504)
    logger.warn({ err: told, ...about() }, `${article} ${what} was put off`)
  else logger.error({ err: told, ...about() }, `${article} ${what} failed`)
}
