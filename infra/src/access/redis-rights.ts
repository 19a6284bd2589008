import { createHash } from 'node:crypto'
import { IDENTITIES, type Identity } from './identities.js'

/**
 * Who may do what in Redis: rules of its access control lists, each with a sentence. A script may do what whoever calls
 * it may do. The user that needs no name, `default`, is off.
 */
interface Rule {
  readonly rule: string
  readonly why: string
}

/** Every key of every shard's view. */
const VIEW = '{s*}:*'

/** Every key by which gateways count requests and failed logins together. They are no view of the log: nothing fills them again. */
const LIMITS = 'limit:*'

const CONNECTS: readonly Rule[] = [
  { rule: '+hello', why: 'Logs in.' },
  { rule: '+ping', why: 'Asks whether it is there.' },
  { rule: '+info', why: 'Waits until it has read its file, and sees that it forgets nothing.' },
  { rule: '+client|setname', why: 'Says who it is.' },
  { rule: '+select', why: 'For an address with a number of a database.' },
]

const READS_VIEW: readonly Rule[] = [
  { rule: `%R~${VIEW}`, why: 'Reads the view of the log, and changes nothing in it.' },
  { rule: '+multi +exec +discard', why: 'Reads several keys of one moment.' },
  { rule: '+hget +hmget +hgetall', why: 'Checkpoints, tallies, windows.' },
  { rule: '+get +getbit +bitcount +exists', why: 'Who voted, and whose vote is rejected.' },
  { rule: '+smembers +sismember', why: 'Which events there are.' },
]

export const redisRights: Readonly<Record<Identity, readonly Rule[]>> = {
  gateway: [
    ...CONNECTS,
    ...READS_VIEW,
    {
      // One selector: these commands on these keys, and on no others.
      rule: `(~${LIMITS} +eval +evalsha +script|load +get +set +del +unlink +incr +incrby +expire +pexpire +ttl +pttl +hget +hmget +hgetall +hset +hincrby +hdel +zadd +zscore +zremrangebyrank +zremrangebyscore +time)`,
      why: 'Counts requests and failed logins together with the other gateways.',
    },
  ],
  ingest: [...CONNECTS, ...READS_VIEW],
  processor: [
    ...CONNECTS,
    { rule: `~${VIEW}`, why: 'Makes and keeps the view of the log.' },
    { rule: '+eval +evalsha +script|load', why: 'Applies a stretch of the log as one script.' },
    { rule: '+multi +exec +discard', why: 'Begins a view anew.' },
    { rule: '+hget +hmget +hgetall +hexists +hlen', why: 'Checkpoints, tallies, windows: reads.' },
    { rule: '+hset +hincrby +hdel +expireat', why: 'The same: writes.' },
    { rule: '+get +getbit +bitcount +exists +set +setbit', why: 'Who voted, and whose vote is rejected.' },
    { rule: '+smembers +sismember +scard +sadd +srem', why: 'Which events there are.' },
    { rule: '+scan +del +unlink', why: 'Clears a view that is made anew.' },
    { rule: '+time', why: 'Which windows are over.' },
  ],
  operator: [
    { rule: '~*', why: 'Compares, and makes anew, whatever there is.' },
    {
      rule: '+@all -@dangerous -@admin',
      why: 'Everything but the configuration, and what stops the server.',
    },
    { rule: '+info', why: 'As above.' },
    { rule: '+flushall', why: 'Chaos loses all of Redis on purpose; the log holds everything.' },
  ],
}

/** How each user's password is known: `#` and its SHA-256, or a name to be replaced. */
export type RedisPassword = (identity: Identity) => string

export const hashedPassword = (password: string): string =>
  `#${createHash('sha256').update(password).digest('hex')}`

/** The server's file of users. Passwords are in it as digests; they are random, so a digest is as good as a salt. */
export const redisUsers = (passwordOf: RedisPassword): string =>
  [
    'user default off resetpass resetkeys resetchannels -@all',
    ...IDENTITIES.map((identity) =>
      [
        `user ${identity} on ${passwordOf(identity)} resetchannels -@all`,
        ...redisRights[identity].map(({ rule }) => rule),
      ].join(' '),
    ),
    '',
  ].join('\n')
