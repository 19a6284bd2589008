import { createOpaqueIds, type OpaqueIds } from '@votestream/schema/opaque-ids'
import type { Environment } from './environment.js'
import { checkIdSecret, readSecrets } from './secrets.js'

/** Undefined where there is no secret: then events have numbers alone. */
export const publicIds = async ({ DATA_DIR, ID_SECRET }: Environment): Promise<OpaqueIds | undefined> => {
  const kept = await readSecrets(DATA_DIR)
  if (kept && ID_SECRET !== undefined) checkIdSecret(kept, ID_SECRET)
  const secret = ID_SECRET ?? kept?.idSecret
  return secret === undefined ? undefined : createOpaqueIds(secret)
}
