import { Kvm } from '@nats-io/kv'
import { createQuotaLedger } from '@votestream/gateway/quota-ledger'
import { createStore } from '@votestream/gateway/store'
import { createUsagePlans } from '@votestream/gateway/usage-plans'
import { brokerTimeMs } from '@votestream/infra/broker-clock'
import { createLogger } from '@votestream/infra/logging'
import { connectNats } from '@votestream/infra/nats'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import { QUOTAS_BUCKET, USAGE_PLANS_BUCKET } from '@votestream/schema/subjects'
import { readEnvironment } from './environment.js'
import type { PlansContext } from './plans/plans-command.js'
import { runPlans, sentenceOf } from './plans/run-plans.js'
import { publicIds } from './public-ids.js'
import { operatorAddresses } from './store-logins.js'
import { within } from './within.js'

/**
 * `npm run plans -- COMMAND`: usage plans and API keys of a running system. `--json` for a program, `--wait 30`: seconds
 * for the broker to answer. Exit status 2: it could not be done.
 */

const connect = async (waitMs: number): Promise<PlansContext> => {
  const environment = readEnvironment(repositoryRoot())
  const { nats: address } = await operatorAddresses(environment)
  const logger = createLogger('plans', 'silent')
  const nats = await within(waitMs, 'NATS', connectNats({ ...address, name: 'plans', logger }))
  const kvm = new Kvm(nats.js)
  const brokerMs = await brokerTimeMs(nats, USAGE_PLANS_BUCKET).catch((cause: unknown) => {
    throw new Error('There are no usage plans yet: start Votestream once first.', { cause })
  })
  const beganMs = performance.now()
  const now = (): number => Math.round(brokerMs + performance.now() - beganMs)
  const store = createStore(nats)
  const ids = await publicIds(environment)
  return {
    now,
    plans: createUsagePlans({ bucket: await kvm.open(USAGE_PLANS_BUCKET), store, now }),
    ledger: createQuotaLedger(await kvm.open(QUOTAS_BUCKET), nats, store),
    idsIfAny: ids,
    ids() {
      if (ids) return ids
      throw new Error('--user: can only be read with ID_SECRET. Start Votestream once first, or set it.')
    },
  }
}

runPlans(process.argv.slice(2), connect).then(
  (text) => {
    console.log(text)
    // Ends at once: a connection that is still looking for its server would keep the process.
    process.exit(0)
  },
  (error: unknown) => {
    console.error(sentenceOf(error))
    process.exit(2)
  },
)
