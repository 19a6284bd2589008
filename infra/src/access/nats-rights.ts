import { allShards } from '@votestream/schema/numbers'
import {
  ACCOUNTS_BUCKET,
  CREDENTIALS_BUCKET,
  DEAD_STREAM,
  EVENTS_BUCKET,
  LEASES_BUCKET,
  OPERATIONS_BUCKET,
  QUOTAS_BUCKET,
  REVOCATIONS_BUCKET,
  USAGE_PLANS_BUCKET,
  voteStream,
} from '@votestream/schema/subjects'
import { IDENTITIES, type Identity, passwordVariable } from './identities.js'

/**
 * Who may publish and subscribe to what in NATS. Whatever is not here is refused by the broker, and logged and counted
 * by whoever tried it.
 *
 * What this does not stop: an answer goes wherever the question's reply subject says, and a consumer delivers wherever
 * it was told to, both in the broker's own name. So a service that is taken over can have messages put into a log that
 * it may not write to; they are not fenced, and what is in them is decided by the log like everything else: a vote that
 * is there twice counts once, and what nobody can read is a dead letter.
 */

export interface Right {
  readonly subject: string
  /** A sentence for whoever reads the table. */
  readonly why: string
}

export interface NatsRights {
  readonly publish: readonly Right[]
  readonly subscribe: readonly Right[]
}

/** Where the answers to an identity's questions go: nobody else may listen there. */
export const inboxPrefix = (name: string): string => `_INBOX.${name}`

/**
 * Whether an answer may go there. Who answers does so with rights of its own: a question could name a log as the place
 * for its answer, to have something written there that it may not write itself.
 */
export const isInbox = (reply: string | undefined): boolean => reply?.startsWith('_INBOX.') ?? false

/** @param shards of the vote log; a subject's wildcard stands for a whole name, so each stream is named. */
export const natsRights = (shards: number): Readonly<Record<Identity, NatsRights>> => {
  const logs = allShards(shards).map(voteStream)
  const each = (rights: (stream: string) => Right[]): Right[] => logs.flatMap(rights)
  return {
    gateway: {
      publish: [
        ACCOUNT,
        ...GATEWAY_BUCKETS.flatMap((bucket) => [
          ...followsBucket(bucket),
          { subject: `$KV.${bucket}.>`, why: `Writes to ${bucket}.` },
        ]),
        // What may run is registered by operators alone.
        ...followsBucket(OPERATIONS_BUCKET),
        ...each((log) => [{ subject: `$JS.API.STREAM.INFO.${log}`, why: `Which log ${log} is.` }]),
        { subject: 'ingest.*', why: 'Hands votes to the owners of the shards.' },
        { subject: 'close.*', why: 'Asks them to close an event.' },
        { subject: 'decide.*', why: "Asks them to write an operator's decision." },
      ],
      subscribe: [inbox('gateway'), { subject: 'leaderboard.*', why: 'Hears the parts of the boards.' }],
    },
    ingest: {
      publish: [
        ACCOUNT,
        ...each((log) => [...makes(log), ...reads(log), ...follows(log)]),
        { subject: 'votes.*', why: 'Appends to the logs. Nobody else may.' },
        ...followsBucket(EVENTS_BUCKET),
        ...holdsLeases('ingest'),
        { subject: `${inboxPrefix('gateway')}.>`, why: 'Answers gateways.' },
      ],
      subscribe: [
        inbox('ingest'),
        { subject: 'ingest.*', why: 'Takes votes.' },
        { subject: 'close.*', why: 'Takes closings.' },
        { subject: 'decide.*', why: 'Takes decisions.' },
      ],
    },
    processor: {
      publish: [
        ACCOUNT,
        ...each((log) => [
          ...makes(log),
          ...reads(log),
          ...follows(log),
          { subject: `$JS.API.STREAM.PURGE.${log}`, why: `The janitor purges what ${log} need not keep.` },
        ]),
        ...makes(DEAD_STREAM),
        ...reads(DEAD_STREAM),
        { subject: 'dead.>', why: 'Puts aside what nobody can read.' },
        ...followsBucket(EVENTS_BUCKET),
        ...holdsLeases('tally', 'archive', 'janitor'),
        { subject: 'leaderboard.*', why: 'Publishes the parts of the boards.' },
      ],
      subscribe: [inbox('processor')],
    },
    operator: {
      publish: [
        {
          subject: '$JS.API.>',
          why: 'Makes, reads, purges and deletes streams. Nobody else may delete one.',
        },
        { subject: '$JS.FC.>', why: 'Says how fast it reads.' },
        { subject: '$KV.>', why: 'Makes accounts in bulk, and takes leases away for a rebuild.' },
        { subject: 'dead.>', why: 'A rebuild, too, puts aside what nobody can read.' },
        { subject: 'leaderboard.*', why: 'A rebuild publishes the boards that it makes anew.' },
      ],
      subscribe: [inbox('operator')],
    },
  }
}

/** The buckets that the gateways keep: they make them, read, follow and write them. */
const GATEWAY_BUCKETS = [
  ACCOUNTS_BUCKET,
  CREDENTIALS_BUCKET,
  EVENTS_BUCKET,
  USAGE_PLANS_BUCKET,
  QUOTAS_BUCKET,
  REVOCATIONS_BUCKET,
]

const bucketStream = (bucket: string): string => `KV_${bucket}`

const ACCOUNT: Right = { subject: '$JS.API.INFO', why: 'Whether there is JetStream.' }

const inbox = (identity: Identity): Right => ({
  subject: `${inboxPrefix(identity)}.>`,
  why: 'Hears the answers to its own questions.',
})

/** One that exists stays as it is: to make it with another configuration is refused. */
const makes = (stream: string): Right[] => [
  { subject: `$JS.API.STREAM.CREATE.${stream}`, why: `Makes ${stream} where it is missing.` },
]

const reads = (stream: string): Right[] => [
  { subject: `$JS.API.STREAM.INFO.${stream}`, why: `How long ${stream} is.` },
  { subject: `$JS.API.STREAM.MSG.GET.${stream}`, why: `One message of ${stream}, from its leader.` },
  { subject: `$JS.API.DIRECT.GET.${stream}`, why: `One message of ${stream}, from any copy.` },
  { subject: `$JS.API.DIRECT.GET.${stream}.>`, why: `The latest message of a subject of ${stream}.` },
]

const follows = (stream: string): Right[] => [
  { subject: `$JS.API.CONSUMER.CREATE.${stream}`, why: `Begins to read several subjects of ${stream}.` },
  { subject: `$JS.API.CONSUMER.CREATE.${stream}.>`, why: `Begins to read ${stream} in order.` },
  { subject: `$JS.API.CONSUMER.INFO.${stream}.*`, why: 'Whether that reader still is there.' },
  { subject: `$JS.API.CONSUMER.MSG.NEXT.${stream}.*`, why: 'Asks for what comes next.' },
  { subject: `$JS.API.CONSUMER.DELETE.${stream}.*`, why: 'Ends a reader.' },
  { subject: `$JS.FC.${stream}.>`, why: 'Says how fast it reads.' },
]

/** Makes it where it is missing, and knows what stands in it. */
const followsBucket = (bucket: string): Right[] => [
  ...makes(bucketStream(bucket)),
  ...reads(bucketStream(bucket)),
  ...follows(bucketStream(bucket)),
]

const holdsLeases = (...roles: readonly string[]): Right[] => [
  ...followsBucket(LEASES_BUCKET),
  ...roles.flatMap((role) => [
    { subject: `$KV.${LEASES_BUCKET}.${role}.*`, why: `Takes and renews leases for ${role}.` },
    { subject: `$KV.${LEASES_BUCKET}.member.${role}.>`, why: 'Says that it is there.' },
    { subject: `$KV.${LEASES_BUCKET}.ready.${role}.*`, why: 'Says that it could take one over.' },
  ]),
]

/**
 * The part of a server's configuration that says who may do what. It holds no password: each is a variable of the
 * server's environment.
 */
export const natsAuthorization = (shards: number): string => {
  const rights = natsRights(shards)
  const users = IDENTITIES.map((identity) => {
    const { publish, subscribe } = rights[identity]
    return `    {
      user: "${identity}"
      password: $${passwordVariable('NATS', identity)}
      permissions: {
        publish: { allow: [
${publish.map(rightLine).join('\n')}
        ] }
        subscribe: { allow: [
${subscribe.map(rightLine).join('\n')}
        ] }
      }
    }`
  })
  return `authorization {
  users: [
${users.join('\n')}
  ]
}
`
}

const rightLine = ({ subject, why }: Right): string => `          "${subject}" # ${why}`
