import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { IdentityPasswords } from '../access/identities.js'
import { hashedPassword, redisUsers } from '../access/redis-rights.js'
import { type ServerBinary, serverEnvironment } from './find-server.js'
import { type ServerProcess, type ServerSpec, startServer } from './server-process.js'
import { tcpAnswers } from './tcp-answer.js'

export interface RedisServerOptions {
  readonly binary: ServerBinary
  readonly port: number
  /** Everything it keeps; the same folder is the same data. */
  readonly dataDir: string
  readonly logFile?: string
  readonly detached?: boolean
  /** Whom it knows; where nothing is said, anybody may do anything. */
  readonly passwords?: IdentityPasswords
}

export async function startRedisServer(
  options: RedisServerOptions,
): Promise<ServerProcess & { url: string }> {
  const server = await startServer(await redisServerSpec(options))
  return { ...server, url: `redis://127.0.0.1:${options.port}` }
}

/** Writes the configuration file, and says how the server is run with it. */
export async function redisServerSpec(options: RedisServerOptions): Promise<ServerSpec> {
  const { binary, port, dataDir, passwords } = options
  await mkdir(dataDir, { recursive: true })
  const configuration = join(dataDir, 'redis-server.conf')
  const usersFile = passwords && join(dataDir, 'users.acl')
  if (usersFile)
    await replaceFile(
      usersFile,
      redisUsers((identity) => hashedPassword(passwords[identity])),
    )
  await replaceFile(configuration, redisConfiguration({ port, dataDir, usersFile }))
  const login = passwords ? `AUTH operator ${passwords.operator}\r\n` : ''
  return {
    name: 'redis-server',
    command: binary.path,
    args: [configuration],
    env: serverEnvironment(binary),
    logFile: options.logFile ?? join(dataDir, 'redis-server.log'),
    // While it reads its file it answers `-LOADING`: not ready yet.
    isReady: () => tcpAnswers({ port, send: `${login}PING\r\n`, accept: (text) => text.includes('+PONG') }),
    readyTimeoutMs: 120_000,
    stopTimeoutMs: 4_000,
    ...(options.detached === undefined ? {} : { detached: options.detached }),
  }
}

const replaceFile = async (file: string, text: string): Promise<void> => {
  await writeFile(`${file}.new`, text, { mode: 0o600 })
  await rename(`${file}.new`, file)
}

/**
 * The append-only file is the only thing kept; its last second may be lost and is then read again from the
 * log. A full Redis must refuse writes (`noeviction`): an evicted key would be a voter who may vote again.
 */
export function redisConfiguration({
  port,
  dataDir,
  usersFile,
}: {
  port: number
  dataDir: string
  usersFile?: string | undefined
}): string {
  return `bind 127.0.0.1
port ${port}
protected-mode yes
daemonize no
dir ${JSON.stringify(dataDir)}
appendonly yes
appendfsync everysec
aof-load-truncated yes
save ""
maxmemory-policy noeviction
${usersFile === undefined ? '' : `aclfile ${JSON.stringify(usersFile)}\n`}`
}
