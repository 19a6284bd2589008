import type { Quota } from '@votestream/schema/usage-plan'
import { type Usage, usageOf } from './quota-decision.js'
import type { QuotaLedger } from './quota-ledger.js'

/**
 * How far a key's quota is used up, over all gateways, as they told a second ago at most.
 * @throws VotestreamError STORE_UNAVAILABLE
 */
export type KeyUsage = (id: string, quota: Quota) => Promise<Usage>

export const createKeyUsage =
  (ledger: Pick<QuotaLedger, 'read'>, now: () => number): KeyUsage =>
  async (id, quota) =>
    usageOf(await ledger.read(id), quota, now())
