import assert from 'node:assert/strict'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { createVoteIntake } from '@votestream/gateway/votes'
import { createLogger } from '@votestream/infra/logging'
import { connectNats, type Nats } from '@votestream/infra/nats'
import { freePort } from '@votestream/infra/servers/free-port'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import { type ServerProcess, startServer } from '@votestream/infra/servers/server-process'
import { startServersForTest, type TestServers } from '@votestream/infra/servers/test-servers'
import { contestantIndex, eventNumber, voterNumber } from '@votestream/schema/numbers'
import { startTcpProxy, type TcpProxy } from '../../src/chaos/tcp-proxy.js'
import { variablesForTests } from '../../src/environment.js'

const logger = createLogger('test', 'silent')
/** `HALF_OPENS=10` measures so often. */
const TIMES = Number(process.env.HALF_OPENS ?? 1)
const RECOVERED_WITHIN_MS = 4_000

/** Two owners and a gateway's intake whose connections to the broker all fall silent at once. */
describe('a connection to the broker that is half open', function () {
  this.timeout(30_000 + 15_000 * TIMES)
  let servers: TestServers
  let proxy: TcpProxy
  let nats: Nats
  const owners: ServerProcess[] = []

  before(async () => {
    servers = await startServersForTest(['nats', 'redis'])
    proxy = await startTcpProxy(servers.get('nats').port)
    const url = `nats://127.0.0.1:${proxy.port}`
    nats = await connectNats({ url, name: 'gateway', logger })
    for (const instance of ['one', 'two']) owners.push(await startOwner(instance, url))
  })
  after(async () => {
    await nats?.close()
    for (const owner of owners) await owner.stop()
    await proxy?.close()
    await servers?.stop()
  })

  const startOwner = async (instance: string, natsUrl: string): Promise<ServerProcess> => {
    const port = await freePort()
    return startServer({
      name: instance,
      command: process.execPath,
      args: [join(repositoryRoot(), 'ingest/dist/src/main.js')],
      env: {
        ...variablesForTests(),
        NATS_URL: natsUrl,
        REDIS_URL: servers.get('redis').url,
        SHARDS: '2',
        INGEST_METRICS_PORT: String(port),
        INSTANCE_NAME: instance,
      },
      logFile: join(servers.folder, `${instance}.log`),
      isReady: () =>
        fetch(`http://127.0.0.1:${port}/readyz`).then(
          ({ ok }) => ok,
          () => false,
        ),
      readyTimeoutMs: 20_000,
      stopTimeoutMs: 10_000,
    })
  }

  it(`is left for a new one: votes are taken again in every shard within ${RECOVERED_WITHIN_MS} ms`, async () => {
    const intake = createVoteIntake({ nats, shards: 2, logger, ackDeadlineMs: 30_000 })
    let voters = 0
    const vote = async (): Promise<void> => {
      voters += 1
      const who = { event: eventNumber(7), voter: voterNumber(voters), contestant: contestantIndex(0) }
      const how = {
        attempt: voters,
        clientTimestampMs: 0,
        deviceId: '',
        appVersion: '',
        channel: 1,
        traceId: '',
      }
      assert.equal(await intake.submit({ ...who, ...how }), 'accepted')
    }
    /** One in each shard. */
    const voteInEach = () => Promise.all([vote(), vote()])
    const tookMs: number[] = []
    for (let time = 0; time < TIMES; time += 1) {
      // Both owners have their share, and nothing is left of the time before.
      for (let round = 0; round < 20; round += 1) await voteInEach()
      proxy.begin('half-open')
      proxy.end()
      const beganMs = performance.now()
      await voteInEach()
      tookMs.push(Math.round(performance.now() - beganMs))
      if (time + 1 < TIMES) await pause(4_000 + 300 * time)
    }
    tookMs.sort((a, b) => a - b)
    if (TIMES > 1) process.stdout.write(`      ${tookMs} ms\n`)
    assert.ok((tookMs.at(-1) ?? 0) <= RECOVERED_WITHIN_MS, `${tookMs} ms`)
    await intake.stop()
  })
})
