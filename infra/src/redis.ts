import { createHash } from 'node:crypto'
import { Redis } from 'ioredis'
import type { Logger } from './logging.js'
import { type StoreLogin, splitLogin } from './store-login.js'

export type { Redis }

interface RedisOptions extends StoreLogin {
  /** May hold `user:password@`. */
  readonly url: string
  readonly name: string
  readonly logger: Logger
  readonly commandTimeoutMs?: number
}

/** A Redis that still reads its file is asked again after this. */
const LOADING_AGAIN_MS = 200

/**
 * A connection that never repeats a command by itself: whether a script whose answer was lost ran is settled
 * by its compare-and-set, and a resent one could only hide that. While Redis is away, commands fail at once.
 */
export const connectRedis = ({
  url,
  name,
  logger,
  commandTimeoutMs = 2_000,
  ...login
}: RedisOptions): Redis => {
  const redis = new Redis(splitLogin(url).url, {
    ...redisLogin(url, login),
    connectionName: name,
    // Its name says enough; by which library is one more right that a Redis before 7.2 cannot even give.
    disableClientInfo: true,
    autoResendUnfulfilledCommands: false,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: commandTimeoutMs,
    // A half-open connection answers nothing, and says nothing either: it is left after this.
    socketTimeout: 2 * commandTimeoutMs,
    connectTimeout: 2_000,
    // While Redis reads its file it says how long that will take, and is far off at the beginning.
    maxLoadingRetryTime: LOADING_AGAIN_MS,
    retryStrategy: (attempt) => Math.min(50 * attempt, 1_000),
  })
  let said = ''
  redis.on('error', (error: Error) => {
    if (error.message !== said) logger.warn({ err: error }, 'Redis connection')
    said = error.message
  })
  redis.on('ready', () => {
    said = ''
  })
  return redis
}

/** As whom to connect, for the library. */
export const redisLogin = (url: string, login: StoreLogin = {}): { username?: string; password?: string } => {
  const given = splitLogin(url)
  const username = login.user ?? given.user
  const password = login.password ?? given.password
  return { ...(username === undefined ? {} : { username }), ...(password === undefined ? {} : { password }) }
}

/** Resolves when the connection can take commands, or throws after the wait. */
export const redisReady = async (redis: Redis, waitMs: number): Promise<void> => {
  if (redis.status === 'ready') return
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      redis.off('ready', ready)
      reject(new Error(`Redis was not reachable within ${waitMs} ms`))
    }, waitMs)
    const ready = () => {
      clearTimeout(timer)
      resolve()
    }
    redis.once('ready', ready)
  })
}

/**
 * A Redis that may evict keys would forget votes silently.
 * @throws Error when its eviction policy is any but `noeviction`.
 */
export const refuseEviction = async (redis: Redis): Promise<void> => {
  // Its configuration is not for services to read; this is told to everybody.
  const policy = /^maxmemory_policy:(.*?)\r?$/m.exec(await redis.info('memory'))?.[1]
  if (policy !== undefined && policy !== 'noeviction') {
    throw new Error(`Redis has maxmemory-policy ${policy}; it must be noeviction`)
  }
}

/** A Lua script, sent once and called by its digest from then on. */
export type RedisScript = (
  keys: readonly string[],
  args: readonly (string | Buffer | number)[],
) => Promise<unknown>

export const defineScript = (redis: Redis, lua: string): RedisScript => {
  const name = `script_${createHash('sha1').update(lua).digest('hex')}`
  redis.defineCommand(name, { lua })
  // ioredis adds the command as a method; its types cannot know.
  const command = (redis as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>)[name]
  if (!command) throw new Error('the script was not defined')
  return (keys, args) => command.call(redis, keys.length, ...keys, ...args)
}
