import { mkdir, readdir, rename, stat, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { IDENTITIES, type IdentityPasswords, passwordVariable } from '../access/identities.js'
import { natsAuthorization } from '../access/nats-rights.js'
import { type ServerBinary, serverEnvironment } from './find-server.js'
import { type ServerProcess, type ServerSpec, startServer } from './server-process.js'
import { tcpAnswers } from './tcp-answer.js'

export interface NatsServerOptions {
  readonly binary: ServerBinary
  readonly port: number
  /** Everything it keeps; the same folder is the same data. */
  readonly dataDir: string
  readonly logFile?: string
  readonly detached?: boolean
  /** False only where it is measured what this costs: a power cut then loses what was acknowledged. */
  readonly fsync?: boolean
  /** Who may do what; where nothing is said, anybody may do anything. */
  readonly access?: NatsAccess
}

export interface NatsAccess {
  readonly passwords: IdentityPasswords
  /** Of the vote log. */
  readonly shards: number
}

/** A largest message of 16 MB holds a batch of votes many times over. */
const payloadBytesMax = 16 * 1024 * 1024
const memoryStoreBytesMax = 256 * 1024 * 1024
/** What nats-server does where nothing is said. */
const NATS_OWN_SYNC_INTERVAL = '2m'

export async function startNatsServer(options: NatsServerOptions): Promise<ServerProcess & { url: string }> {
  const server = await startServer(await natsServerSpec(options))
  return { ...server, url: `nats://127.0.0.1:${options.port}` }
}

/** Writes the configuration file, and says how the server is run with it. */
export async function natsServerSpec(options: NatsServerOptions): Promise<ServerSpec> {
  const { binary, port, dataDir, fsync = true, access } = options
  await mkdir(dataDir, { recursive: true })
  const configuration = join(dataDir, 'nats-server.conf')
  const storeBytesMax = await fileStoreBytesMax(join(dataDir, 'jetstream'))
  const authorization = access ? natsAuthorization(access.shards) : ''
  await writeFile(
    `${configuration}.new`,
    natsConfiguration({ port, dataDir, storeBytesMax, fsync }) + authorization,
  )
  await rename(`${configuration}.new`, configuration)
  return {
    name: 'nats-server',
    command: binary.path,
    args: ['--config', configuration],
    env: { ...serverEnvironment(binary), ...(access ? passwordVariables(access.passwords) : {}) },
    logFile: options.logFile ?? join(dataDir, 'nats-server.log'),
    // It opens its port only after JetStream has read its streams, and greets with what it can do.
    isReady: () =>
      tcpAnswers({ port, accept: (text) => text.startsWith('INFO ') && /"jetstream":\s*true/.test(text) }),
    readyTimeoutMs: 120_000,
    stopTimeoutMs: 4_000,
    ...(options.detached === undefined ? {} : { detached: options.detached }),
  }
}

/** In quotes, as the configuration reads them: a password may begin like a number. */
const passwordVariables = (passwords: IdentityPasswords): NodeJS.ProcessEnv =>
  Object.fromEntries(
    IDENTITIES.map((identity) => [passwordVariable('NATS', identity), JSON.stringify(passwords[identity])]),
  )

export interface NatsConfiguration {
  readonly port: number
  readonly dataDir: string
  readonly storeBytesMax: number
  readonly fsync: boolean
}

/** `sync_interval: always`: a publish is answered only when it is on the disk, not in the system's cache. */
export function natsConfiguration({ port, dataDir, storeBytesMax, fsync }: NatsConfiguration): string {
  return `listen: "127.0.0.1:${port}"
server_name: "votestream"
max_payload: ${payloadBytesMax}
jetstream {
  store_dir: ${JSON.stringify(dataDir)}
  sync_interval: ${fsync ? 'always' : NATS_OWN_SYNC_INTERVAL}
  max_memory_store: ${memoryStoreBytesMax}
  max_file_store: ${storeBytesMax}
}
`
}

/**
 * Nine tenths of what is free plus what the store already has: it refuses votes loudly before the disk is
 * full, and a restart on a disk that filled up meanwhile still opens what is there.
 */
async function fileStoreBytesMax(storeFolder: string): Promise<number> {
  const { bavail, bsize } = await statfs(join(storeFolder, '..'))
  const usedBytes = await folderBytes(storeFolder)
  return Math.max(1024 ** 3, Math.floor(usedBytes + 0.9 * bavail * bsize))
}

async function folderBytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  let bytes = 0
  for (const entry of entries) {
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size
  }
  return bytes
}
