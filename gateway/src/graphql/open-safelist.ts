import type { Logger } from '@votestream/infra/logging'
import type { Nats } from '@votestream/infra/nats'
import { openOperationsBucket } from '@votestream/infra/streams'
import { pageOperations } from './page-operations.js'
import { watchOperations } from './registered-operations.js'
import { createSafelist, type Safelist, type SafelistMode } from './safelist.js'

interface OpenOptions {
  readonly mode: SafelistMode
  /** Of a document: a longer one runs nowhere. */
  readonly tokensMax?: number
  readonly nats: Nats
  readonly replicas: number
  readonly logger: Logger
  readonly onStop: (name: string, stop: () => void) => void
}

/**
 * Resolves when everything that is registered is known. The bucket is made in either mode, so that operations are registered
 * before they are asked for.
 * @returns undefined where any operation runs.
 */
export const openSafelist = async ({
  mode,
  tokensMax,
  nats,
  replicas,
  logger,
  onStop,
}: OpenOptions): Promise<Safelist | undefined> => {
  const bucket = await openOperationsBucket(nats, replicas)
  if (mode === 'off') return undefined
  const registered = await watchOperations({ bucket, builtIn: pageOperations(), logger })
  onStop('registered operations', registered.stop)
  return createSafelist(registered, tokensMax)
}
