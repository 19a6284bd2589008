import { randomBytes } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { KV } from '@nats-io/kv'
import { createLogger } from '@votestream/infra/logging'
import { connectNats, type Nats } from '@votestream/infra/nats'
import { startServersForTest } from '@votestream/infra/servers/test-servers'
import { openBuckets } from '@votestream/infra/streams'
import type { CredentialsRecord } from '@votestream/schema/account-record'
import { eventNumber, voterNumber } from '@votestream/schema/numbers'
import { createVotedSet } from '@votestream/schema/voted-set'
import { createVoterAccounts } from '../../voter-accounts.js'
import type { Say } from '../part.js'
import { usageOf } from '../process-usage.js'

export interface MemoryOptions {
  readonly voters: number
  readonly accounts: number
  readonly say: Say
}

export interface MemoryFigures {
  /** What ingest holds for a voter of an open event, where every number has voted. */
  readonly votedSetBytes: number
  /** What nats-server's resident memory grows by for an account: its keys in `accounts` and `credentials`. */
  readonly accountIndexBytes: number
  /** What an account takes in the streams of both, as the broker counts it. */
  readonly accountDiskBytes: number
}

/** Writes of credentials under way at once. */
const INFLIGHT_MAX = 256
const logger = createLogger('bench', 'silent')

export const measureMemory = async ({ voters, accounts, say }: MemoryOptions): Promise<MemoryFigures> => {
  const votedSetBytes = measureVotedSet(voters)
  say(`${voters} voters: ${votedSetBytes.toFixed(3)} bytes each`)
  // What the broker holds in memory is the same with fsync, and is there sooner without.
  const servers = await startServersForTest(['nats'], { fsync: false })
  try {
    const nats = await connectNats({ url: servers.get('nats').url, name: 'bench', logger })
    try {
      return { votedSetBytes, ...(await measureAccounts(nats, servers.get('nats').pid, accounts, say)) }
    } finally {
      await nats.close()
    }
  } finally {
    await servers.stop()
  }
}

/** Of one shard: others only have other voters. */
const measureVotedSet = (voters: number): number => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const held = (): number => {
    collect()
    const { heapUsed, external } = process.memoryUsage()
    return heapUsed + external
  }
  const before = held()
  const voted = createVotedSet(1)
  const event = eventNumber(1)
  for (let voter = 1; voter <= voters; voter += 1) voted.add(event, voterNumber(voter))
  const bytes = held() - before
  // Asked for afterwards, so that it is still there when its memory is.
  if (voted.count(event) !== voters) throw new Error('the set does not hold its voters')
  return bytes / voters
}

const measureAccounts = async (nats: Nats, pid: number, count: number, say: Say) => {
  const buckets = await openBuckets(nats, 1)
  const resident = (): number => usageOf([pid]).residentBytes
  const before = resident()
  await createVoterAccounts(buckets.accounts, count, () => {})
  await writeCredentials(buckets.credentials, count)
  const accountIndexBytes = (resident() - before) / count
  const stored = [await buckets.accounts.status(), await buckets.credentials.status()]
  const accountDiskBytes = stored.reduce((sum, { size }) => sum + size, 0) / count
  say(`${count} accounts: ${accountIndexBytes.toFixed(0)} bytes of nats-server's memory each`)
  return { accountIndexBytes, accountDiskBytes }
}

const writeCredentials = async (bucket: KV, count: number): Promise<void> => {
  let left = count
  const writeSome = async (): Promise<void> => {
    while (left > 0) {
      left -= 1
      await bucket.create(randomBytes(16).toString('hex'), JSON.stringify(credentialsOf(left)))
    }
  }
  try {
    await Promise.all(Array.from({ length: Math.min(INFLIGHT_MAX, count) }, writeSome))
  } finally {
    left = 0
  }
}

/** As long as a person's. */
const credentialsOf = (index: number): CredentialsRecord => ({
  version: 1,
  username: `person-${index}`,
  passwordHash: `$argon2id$v=19$m=19456,t=2,p=1$${randomBytes(16).toString('base64')}$${randomBytes(32).toString('base64')}`,
  email: `person-${index}@example.org`,
  dateOfBirth: '1990-04-01',
  scopes: [],
  createdAtMs: Date.now(),
})
