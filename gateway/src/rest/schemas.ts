import { Type } from '@fastify/type-provider-typebox'
import { ERRORS, type ErrorCode } from '@votestream/schema/errors'
import { CONTESTANTS_MAX } from '@votestream/schema/numbers'
import { VERDICT, type Verdict } from '@votestream/schema/votes'
import { TEXT_FIELDS, type TextFieldName } from '../text-fields.js'

/** The fields of REST v1, in the words and limits of TEXT_FIELDS. */

const USER_ID = 'pVd0yO8qkqY3cYFNwTzC3A'
const EVENT_ID = 'h5sUqQ5yTtb3nqIuXnzU0Q'
const CONTESTANT_ID = 'Zr0mD1vWc7zR5oFjQf7vRg'
const VOTE_ID = 'kq3TIDyWf2yW0tq7Y1o4Bw'

const text = (field: TextFieldName, description: string, example: string) => {
  const { minLength, maxLength } = TEXT_FIELDS[field]
  return Type.String({ minLength, maxLength, format: field, description, examples: [example] })
}
const identifier = (description: string, example: string) =>
  Type.String({ description: `${description}: 22 URL-safe characters.`, examples: [example] })
const answered = (description: string, example: string) => Type.String({ description, examples: [example] })
const closed = { additionalProperties: false }

const userId = identifier("The token's own user", USER_ID)
const eventId = identifier('An event', EVENT_ID)

export const loginBody = Type.Object(
  {
    username: text('any-username', 'As registered; case does not matter.', 'maria.keller'),
    password: text('any-password', 'As registered.', 'correct horse battery staple'),
  },
  closed,
)
export const loginAnswer = Type.Object(
  {
    user_id: answered('The user.', USER_ID),
    token: answered('A bearer token that votes, creates events and reads.', 'eyJhbGciOiJIUzI1NiJ9.e30.c2ln'),
  },
  { description: 'Logged in.' },
)

export const registerBody = Type.Object(
  {
    username: text('username', 'Unique; case does not matter.', 'maria.keller'),
    password: text('password', 'Kept as an argon2id hash only.', 'correct horse battery staple'),
    email: text('email', 'An email address.', 'maria.keller@example.com'),
    date_of_birth: text('date-of-birth', 'YYYY-MM-DD, in the past.', '1990-05-17'),
  },
  closed,
)
export const registerAnswer = Type.Object(
  { user_id: answered('The new user.', USER_ID) },
  { description: 'Registered.' },
)

export const createEventBody = Type.Object(
  {
    user_id: userId,
    event_name: text('event-name', 'What the event is called.', 'The Grand Final'),
    contestants: Type.Array(
      Type.Object(
        {
          contestant_name: text('contestant-name', 'Different from all others.', 'Aurora Lindqvist'),
          contestant_description: text('description', 'A few sentences.', 'Sings of northern lights.'),
          contestant_image_url: text('image-url', 'http or https.', 'https://images.example.com/1.jpg'),
        },
        closed,
      ),
      {
        minItems: 1,
        maxItems: CONTESTANTS_MAX,
        description: 'In the order in which ties rank. Their names are distinct.',
      },
    ),
  },
  closed,
)
export const createEventAnswer = Type.Object(
  {
    event_id: answered('The new event.', EVENT_ID),
    event_name: answered('Its name.', 'The Grand Final'),
    contestants: Type.Array(
      Type.Object({
        contestant_id: answered('What a vote names.', CONTESTANT_ID),
        contestant_name: answered('As given.', 'Aurora Lindqvist'),
      }),
      { description: 'In the order in which they were given.' },
    ),
  },
  { description: 'Created, and open.' },
)

export const eventParams = Type.Object({ event_id: eventId })
export const voteParams = Type.Object({ vote_id: identifier('A vote', VOTE_ID) })

export const closeEventAnswer = Type.Object(
  {
    event_id: answered('The event.', EVENT_ID),
    event_name: answered('Its name.', 'The Grand Final'),
    status: Type.Literal('closed', { description: 'No later vote counts.' }),
  },
  { description: 'Closed.' },
)
export const leaderboardAnswer = Type.Object(
  {
    event_id: answered('The event.', EVENT_ID),
    event_name: answered('Its name.', 'The Grand Final'),
    contestants: Type.Array(
      Type.Object({
        contestant_id: answered('The contestant.', CONTESTANT_ID),
        contestant_name: answered('Its name.', 'Aurora Lindqvist'),
        total_votes: Type.Integer({ minimum: 0, description: 'Votes that count.', examples: [1204] }),
      }),
      { description: "Most votes first; ties in the event's own order." },
    ),
  },
  { description: 'The leaderboard.' },
)
export const contestantsAnswer = Type.Object(
  {
    event_id: answered('The event.', EVENT_ID),
    contestants: Type.Array(
      Type.Object({
        contestant_id: answered('What a vote names.', CONTESTANT_ID),
        contestant_name: answered('Its name.', 'Aurora Lindqvist'),
        contestant_image_url: answered('Its picture.', 'https://images.example.com/1.jpg'),
      }),
      { description: "In the event's own order." },
    ),
  },
  { description: 'The contestants.' },
)

export const submitVoteBody = Type.Object(
  {
    user_id: userId,
    event_id: eventId,
    contestant_id: identifier('A contestant of that event', CONTESTANT_ID),
    client_timestamp: Type.Optional(
      text('client-timestamp', "The client's clock, RFC 3339. Kept.", '2026-05-16T20:15:30.123Z'),
    ),
    meta: Type.Optional(
      Type.Object(
        {
          device_id: Type.Optional(text('device-id', 'Kept.', 'b7c9a1f0')),
          app_version: Type.Optional(text('app-version', 'Kept.', '4.2.0')),
        },
        closed,
      ),
    ),
  },
  closed,
)
export const submitVoteAnswer = Type.Object(
  { vote_id: answered('The vote.', VOTE_ID) },
  { description: 'Durably written.' },
)
export const voteStatusAnswer = Type.Object(
  {
    vote_id: answered('The vote.', VOTE_ID),
    vote_status: Type.Union([Type.Literal('acked'), Type.Literal('processed'), Type.Literal('rejected')], {
      description: 'acked: durably written. processed: counted. rejected: written, and does not count.',
      examples: ['processed'],
    }),
    event_name: answered("The event's name.", 'The Grand Final'),
  },
  { description: "The vote's status." },
)

/** One of a few words, said as such rather than as a choice of schemas. */
const verdict = (description: string) =>
  Type.Unsafe<Verdict>(
    Type.String({ enum: Object.keys(VERDICT), description, examples: ['reject' satisfies Verdict] }),
  )

export const decisionBody = Type.Object(
  { verdict: verdict('reject: the vote does not count. admit: it counts.') },
  closed,
)
export const decisionAnswer = Type.Object(
  { vote_id: answered('The vote.', VOTE_ID), verdict: verdict('What stands now.') },
  { description: 'Durably written.' },
)

export const problem = Type.Object(
  {
    type: Type.String({ description: 'Always about:blank: the code tells.' }),
    title: Type.String({ description: 'The status in words.' }),
    status: Type.Integer({ description: 'The status.' }),
    detail: Type.String({ description: 'A sentence for people.' }),
    code: Type.String({ description: 'What programs go by. Stable.', enum: Object.keys(ERRORS) }),
    errors: Type.Optional(
      Type.Array(Type.Object({ field: Type.String(), message: Type.String() }), {
        description: 'The invalid fields, where there are any.',
      }),
    ),
    vote_id: Type.Optional(Type.String({ description: 'The vote that stands, in a DUPLICATE_VOTE.' })),
  },
  { $id: 'Problem', description: 'Problem details (RFC 9457).' },
)

/** What every operation may answer, beside its own failures. */
const EVERYWHERE: readonly ErrorCode[] = [
  'INVALID_REQUEST',
  'RATE_LIMITED',
  'HEADERS_TOO_LARGE',
  'INTERNAL',
  'STORE_UNAVAILABLE',
  'TIMEOUT',
]
/** What every operation with a body may answer. */
export const BODY_FAILURES: readonly ErrorCode[] = [
  'INVALID_FIELDS',
  'INVALID_JSON',
  'REQUEST_TIMEOUT',
  'PAYLOAD_TOO_LARGE',
  'UNSUPPORTED_MEDIA_TYPE',
]

/** The responses of a route for these failures, by status. */
export const failures = (codes: readonly ErrorCode[]) => {
  const byStatus = new Map<number, ErrorCode[]>()
  for (const code of [...codes, ...EVERYWHERE]) {
    const { status } = ERRORS[code]
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  return Object.fromEntries(
    [...byStatus].map(([status, statusCodes]) => [
      status,
      {
        description: statusCodes.map((code) => `\`${code}\`: ${ERRORS[code].sentence}`).join(' '),
        content: { 'application/problem+json': { schema: Type.Ref('Problem') } },
      },
    ]),
  )
}
