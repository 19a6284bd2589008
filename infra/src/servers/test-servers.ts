import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { IdentityPasswords } from '../access/identities.js'
import { startClickHouseServer } from './clickhouse-server.js'
import { findServer } from './find-server.js'
import { freePort } from './free-port.js'
import { startNatsServer } from './nats-server.js'
import { startRedisServer } from './redis-server.js'
import type { ServerProcess } from './server-process.js'
import { natsRequirement, redisRequirement } from './server-source.js'

export type TestServerName = 'nats' | 'redis' | 'clickhouse'

export interface TestServer extends ServerProcess {
  readonly url: string
  readonly port: number
  readonly dataDir: string
}

export interface TestServers {
  /** The server that was asked for; throws for one that was not. */
  get(name: TestServerName): TestServer
  /** Kills a server as a power cut would, and starts it again on the same port and data. */
  crash(name: TestServerName): Promise<void>
  /** Kills a server and leaves it down; `start` brings it back. */
  kill(name: TestServerName): Promise<void>
  start(name: TestServerName): Promise<void>
  /** A folder of the test's own, removed with everything else. */
  readonly folder: string
  /** Ends the servers and removes their folders. */
  stop(): Promise<void>
}

/**
 * Real servers for a test: free ports, temporary folders, nothing left after `stop`. Should the test's process
 * end without it, its exit still ends the servers.
 *
 *     const servers = await startServersForTest(['nats', 'redis'])
 *     servers.get('nats').url
 */
export async function startServersForTest(
  names: readonly TestServerName[],
  options: TestServerOptions = {},
): Promise<TestServers> {
  const folder = await mkdtemp(join(tmpdir(), 'votestream-test-'))
  const running = new Map<TestServerName, TestServer>()
  const start = async (name: TestServerName) => {
    const before = running.get(name)
    const dataDir = before?.dataDir ?? join(folder, name)
    // A free port can be taken by somebody else before our server has it: then another one is tried.
    for (let attemptsLeft = before === undefined ? 3 : 1; ; attemptsLeft--) {
      const port = before?.port ?? (await freePort())
      try {
        running.set(name, { ...(await starters[name]({ port, dataDir, ...options })), port, dataDir })
        return
      } catch (error) {
        if (attemptsLeft <= 1) throw error
      }
    }
  }
  const get = (name: TestServerName) => {
    const server = running.get(name)
    if (server === undefined) throw new Error(`The test did not ask for ${name}.`)
    return server
  }
  const kill = async (name: TestServerName) => {
    get(name).kill('SIGKILL')
    await get(name).exited
  }
  const stop = async () => {
    await Promise.all([...running.values()].map((server) => server.stop()))
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
  try {
    await Promise.all(names.map(start))
  } catch (error) {
    await stop()
    throw error
  }
  return {
    get,
    kill,
    start,
    stop,
    folder,
    async crash(name) {
      await kill(name)
      await start(name)
    },
  }
}

export interface TestServerOptions {
  /** Of nats-server; true where nothing is said, as it always is outside of measurements. */
  readonly fsync?: boolean
  /** Of NATS and Redis: whom they know, with the rights of each; where nothing is said, anybody may do anything. */
  readonly passwords?: IdentityPasswords
}

interface Place extends TestServerOptions {
  readonly port: number
  readonly dataDir: string
}

/** Of the logs that a broker with users of its own knows. */
const TEST_SHARDS = 2

const starters: Record<TestServerName, (place: Place) => Promise<ServerProcess & { url: string }>> = {
  nats: async ({ passwords, ...place }) =>
    startNatsServer({
      ...place,
      binary: await findServer(natsRequirement),
      ...(passwords && { access: { passwords, shards: TEST_SHARDS } }),
    }),
  redis: async (place) => startRedisServer({ ...place, binary: await findServer(redisRequirement) }),
  clickhouse: (place) => startClickHouseServer(place),
}
