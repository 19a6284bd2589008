import { cpSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { redisLogin } from '@votestream/infra/redis'
import { Redis } from 'ioredis'
import type { StoreAddress } from '../store-logins.js'
import { type ChaosSystem, INSTANCES } from './processes.js'
import { type PlannedFault, PROXIED, type Proxied, SERVICES } from './schedule.js'
import type { ProxyFault } from './tcp-proxy.js'

interface FaultDeps {
  readonly system: ChaosSystem
  /** Closes an event that is being voted in. */
  readonly closeEvent: () => Promise<void>
}

/** Does a fault, and undoes it where it lasts; what dies comes back by itself. */
export const doFault = async (fault: PlannedFault, deps: FaultDeps): Promise<void> => {
  const { name, lastsMs, targets } = fault
  const { system } = deps
  const proxied = PROXIED.find((server) => name.endsWith(`-${server}`))
  const proxyFault = proxyFaultOf(name)
  const full = PROXIED.find((server) => name === `full-${server}`)
  if (name.startsWith('kill-')) {
    for (const target of targets) system.signal(target, 'SIGKILL')
  } else if (name.startsWith('stop-')) {
    const stopped = targets.map((target) => system.signal(target, 'SIGSTOP'))
    await pause(lastsMs)
    for (const send of stopped) send('SIGCONT')
  } else if (proxied && proxyFault) {
    system.proxies[proxied].begin(proxyFault)
    await pause(lastsMs)
    system.proxies[proxied].end()
  } else if (full) {
    await fillDisk(system, full, fault)
  } else if (/^clocks?-/.test(name)) {
    await setClocks(system, fault)
  } else if (name === 'flushall') {
    await flushRedis(system.direct.redis)
  } else if (name === 'redis-older-file') {
    await restoreOlderRedisFile(system, lastsMs)
  } else if (name === 'nats-damaged-index') {
    damageStreamIndexes(system)
  } else if (name === 'close-event') {
    await deps.closeEvent()
  } else {
    throw new Error(`nobody knows how to do ${name}`)
  }
}

/** Ends whatever lasts. */
export const heal = async (system: ChaosSystem): Promise<void> => {
  for (const server of PROXIED) {
    system.proxies[server].end()
    await system.disks[server]?.free()
  }
  for (const name of SERVICES.flatMap((service) => INSTANCES[service])) system.clocks.set(name, 0)
}

/** While the disk is full, the server may be killed: what comes up meanwhile begins on a full disk. */
const fillDisk = async (system: ChaosSystem, server: Proxied, fault: PlannedFault): Promise<void> => {
  const disk = system.disks[server]
  if (!disk) throw new Error(`${server} has no disk of its own`)
  await disk.fill()
  await lastWithKill(system, fault)
  await disk.free()
}

/** While one clock is wrong, the other process of its kind may be killed: this one takes its work over. */
const setClocks = async (system: ChaosSystem, fault: PlannedFault): Promise<void> => {
  for (const target of fault.targets) system.clocks.set(target, fault.jumpMs)
  await lastWithKill(system, fault)
  for (const target of fault.targets) system.clocks.set(target, 0)
}

const lastWithKill = async (system: ChaosSystem, { kills, lastsMs }: PlannedFault): Promise<void> => {
  await pause(lastsMs / 2)
  for (const name of kills) system.signal(name, 'SIGKILL')
  await pause(lastsMs / 2)
}

const proxyFaultOf = (name: string): ProxyFault | undefined =>
  (['cut', 'delay', 'half-open'] as const).find((fault) => name.startsWith(`${fault}-`))

const flushRedis = async ({ url, ...login }: StoreAddress): Promise<void> => {
  const redis = new Redis(url, { ...redisLogin(url, login), lazyConnect: true, retryStrategy: () => null })
  // A Redis that is just being started again has nothing to lose.
  redis.on('error', () => undefined)
  try {
    await redis.connect()
    await redis.flushall()
  } catch {
    // As above.
  } finally {
    redis.disconnect()
  }
}

/**
 * The append-only file as it was some seconds ago, as after a restored backup. The server is stopped while its
 * files are copied, so that each copy is of one moment, and while they are put back, so that it does not write
 * into them; then it is killed, and what comes up reads the older ones. Nothing is awaited while it is stopped:
 * on a busy machine that would take as long as it likes.
 */
const restoreOlderRedisFile = async (system: ChaosSystem, olderMs: number): Promise<void> => {
  const files = join(system.redisDataDir, 'appendonlydir')
  // Beside the disk of its own: two copies might fill that.
  const copy = `${system.redisDataDir}-older`
  const resume = system.signal('redis', 'SIGSTOP')
  rmSync(copy, { recursive: true, force: true })
  cpSync(files, copy, { recursive: true })
  resume('SIGCONT')
  await pause(olderMs)
  const kill = system.signal('redis', 'SIGSTOP')
  rmSync(files, { recursive: true, force: true })
  cpSync(copy, files, { recursive: true })
  kill('SIGKILL')
}

/**
 * The broker's own index of each stream, cut to half its length as by a write that never reached the disk; where
 * it has none at the moment, one of zeros. The messages themselves stay whole. The server is stopped meanwhile,
 * then killed; what comes up has to notice.
 */
const damageStreamIndexes = (system: ChaosSystem): void => {
  const kill = system.signal('nats', 'SIGSTOP')
  const names = readdirSync(system.natsDataDir, { recursive: true, encoding: 'utf8' })
  for (const folder of names.filter((name) => basename(name) === 'msgs')) {
    const file = join(system.natsDataDir, folder, 'index.db')
    const { size } = statSync(file, { throwIfNoEntry: false }) ?? { size: 0 }
    if (size > 0) truncateSync(file, Math.floor(size / 2))
    else writeFileSync(file, Buffer.alloc(INDEX_BYTES))
  }
  kill('SIGKILL')
}

/** About as long as a small stream's index is. */
const INDEX_BYTES = 76
