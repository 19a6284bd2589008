import { createOpaqueIds } from '@votestream/schema/opaque-ids'
import { createOpenCounts } from './live/open-counts.js'

export const notRunning = (): never => {
  throw new Error('these operations are only described, and not running')
}

/** Lets nobody in. */
export const inertTokens = { verify: notRunning, stillValid: notRunning, onRevocation: notRunning }

/** What routes and resolvers are built over when all that is wanted of them is their description. */
export const inertOperations = () => ({
  accounts: { register: notRunning, login: notRunning, username: notRunning },
  events: {
    create: notRunning,
    close: notRunning,
    read: notRunning,
    list: notRunning,
    leaderboard: notRunning,
  },
  voting: { submit: notRunning, find: notRunning, status: notRunning },
  decisions: { decide: notRunning },
  usagePlans: {
    createPlan: notRunning,
    changePlan: notRunning,
    listPlans: notRunning,
    removePlan: notRunning,
    createKey: notRunning,
    listKeys: notRunning,
    rotateKey: notRunning,
    revokeKey: notRunning,
    removeKey: notRunning,
  },
  revoking: { revoke: notRunning },
  apiKeys: { identify: notRunning, ownedBy: notRunning, find: notRunning },
  keyUsage: notRunning,
  ids: createOpaqueIds('no identifier is made'),
  liveBoards: { watch: notRunning },
  broadcasts: { follow: notRunning, size: 0 },
  connections: { users: createOpenCounts(0), addresses: createOpenCounts(0) },
  leaderboardMaxAgeSeconds: 0,
  expiryGraceMs: 0,
  drainMs: 0,
})
