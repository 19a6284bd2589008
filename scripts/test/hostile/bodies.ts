import { type Attack, freshName, type Place, registrationOf, VOTE_PATH, voteOf } from './place.js'

const INVALID = '400 INVALID_FIELDS'

/** A vote whose body is something else. */
const vote = (
  name: string,
  expect: Attack['expect'],
  bodyOf: (good: Record<string, unknown>, place: Place) => unknown,
  headers: Readonly<Record<string, string>> = {},
): Attack => ({
  name,
  expect,
  async send(place) {
    const { userId, token } = place.voter()
    return place.rest({ path: VOTE_PATH, token, body: bodyOf(voteOf(place, userId), place), headers })
  },
})

const registration = (
  name: string,
  expect: Attack['expect'],
  own: Readonly<Record<string, unknown>>,
): Attack => ({
  name,
  expect,
  send: (place) =>
    place.rest({
      path: '/v1/auth/register',
      token: place.application,
      body: { ...registrationOf(freshName()), ...own },
    }),
})

const json = (good: object): string => JSON.stringify(good)
const TEN_MEGABYTES = 10 * 1024 * 1024

export const bodyAttacks: readonly Attack[] = [
  vote('a body that is cut off', '400 INVALID_JSON', (good) => json(good).slice(0, -1)),
  vote('a body with something behind it', '400 INVALID_JSON', (good) => `${json(good)}{}`),
  vote('two fields of one name', '400 INVALID_JSON', (good) =>
    json(good).replace('{', `{"user_id":"${String(good.user_id)}",`),
  ),
  vote('two fields of one name, one of them written with an escape', '400 INVALID_JSON', (good) =>
    json(good).replace('{', `{"\\u0075ser_id":"${String(good.user_id)}",`),
  ),
  vote('two fields of one name, one level down', '400 INVALID_JSON', (good) =>
    json({ ...good, meta: { device_id: 'a' } }).replace('"device_id":"a"', '"device_id":"a","device_id":"b"'),
  ),
  vote('__proto__', '400 INVALID_JSON', (good) => json(good).replace('{', '{"__proto__":{"admin":true},')),
  vote('__proto__ within meta', '400 INVALID_JSON', (good) =>
    json({ ...good, meta: {} }).replace('{}', '{"__proto__":{"x":1}}'),
  ),
  vote('constructor.prototype', '400 INVALID_JSON', (good) =>
    json(good).replace('{', '{"constructor":{"prototype":{"admin":true}},'),
  ),
  vote('a field that nobody knows', INVALID, (good) => ({ ...good, weight: 1_000 })),
  vote('a field that nobody knows, within meta', INVALID, (good) => ({ ...good, meta: { admin: true } })),
  vote('a list', INVALID, (good) => [good]),
  vote('null', INVALID, () => 'null'),
  vote('a number', INVALID, () => '7'),
  vote('nothing', '400 INVALID_JSON', () => ''),
  vote('100,000 opened brackets', '400 INVALID_JSON', () => '['.repeat(100_000)),
  vote('an object 5,000 deep', INVALID, (good) =>
    json({ ...good, meta: 0 }).replace('0}', `${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}}`),
  ),
  vote('UTF-16', '400 INVALID_JSON', (good) => Buffer.from(json(good), 'utf16le')),
  vote('bytes that are no UTF-8', '400 INVALID_JSON', (good) =>
    Buffer.concat([Buffer.from(json(good).slice(0, -1)), Buffer.from(',"a":"\xff\xfe"}', 'latin1')]),
  ),
  vote('a number without an end as a time', INVALID, (good) =>
    json({ ...good, client_timestamp: 0 }).replace(/0}$/, '1e400}'),
  ),
  vote('a time that there is not', INVALID, (good) => ({
    ...good,
    client_timestamp: '2026-02-30T25:61:00Z',
  })),
  vote('an identifier of 1 MB', '400 INVALID_ID', (good) => ({
    ...good,
    event_id: 'A'.repeat(1024 * 1024),
  })),
  vote('an identifier that is an operator', INVALID, (good) => ({ ...good, event_id: { $gt: '' } })),
  vote('an identifier with a statement in it', '400 INVALID_ID', (good) => ({
    ...good,
    event_id: "1'; DROP TABLE votes_log; --",
  })),
  vote('a device that tells a log what to say', INVALID, (good) => ({
    ...good,
    meta: { device_id: 'a\n{"log.level":"error","message":"forged"}' },
  })),
  vote('a body called text', '415 UNSUPPORTED_MEDIA_TYPE', (good) => json(good), {
    'content-type': 'text/plain',
  }),
  vote('a form', '415 UNSUPPORTED_MEDIA_TYPE', () => 'user_id=a&event_id=b', {
    'content-type': 'application/x-www-form-urlencoded',
  }),
  vote(
    'XML with an entity',
    '415 UNSUPPORTED_MEDIA_TYPE',
    () => '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>',
    {
      'content-type': 'application/xml',
    },
  ),
  vote('a body that says it is compressed', '415 UNSUPPORTED_MEDIA_TYPE', (good) => json(good), {
    'content-encoding': 'gzip',
  }),
  vote('JSON in another alphabet', '415 UNSUPPORTED_MEDIA_TYPE', (good) => json(good), {
    'content-type': 'application/json; charset=utf-7',
  }),
  vote('10 MB and one byte', ['413 PAYLOAD_TOO_LARGE', 'closed'], () =>
    Buffer.alloc(TEN_MEGABYTES + 1, 0x20),
  ),
  vote('10 MB of blanks', '400 INVALID_JSON', () => Buffer.alloc(TEN_MEGABYTES, 0x20)),
  vote('an Idempotency-Key of 5,000 letters', INVALID, (good) => good, {
    'idempotency-key': 'k'.repeat(5_000),
  }),
  registration('a password of 1 MB', INVALID, { password: 'p'.repeat(1024 * 1024) }),
  registration('the most common password', INVALID, { password: 'password' }),
  registration('a name with a NUL', INVALID, { username: 'mar\u0000ia' }),
  registration('a name that looks like another', INVALID, { username: 'admin\u200b' }),
  registration('half of a pair of characters', INVALID, { username: 'mar\ud800ia' }),
  registration('an address with a header in it', INVALID, { email: 'a@example.org\r\nBcc: b@example.org' }),
  registration('a birthday that there is not', INVALID, { date_of_birth: '1990-02-30' }),
  registration('a scope of its own choice', INVALID, { scope: 'admin' }),
  {
    name: 'a login whose password is an object',
    expect: INVALID,
    send: (place) => place.rest({ path: '/v1/auth/login', body: { username: 'a', password: { $ne: '' } } }),
  },
  {
    name: 'an event whose picture is a script',
    expect: INVALID,
    async send(place) {
      const { userId, token } = place.voter()
      const contestant = {
        contestant_name: 'A',
        contestant_description: 'a',
        contestant_image_url: 'javascript:alert(1)',
      }
      return place.rest({
        path: '/v1/event/create',
        token,
        body: { user_id: userId, event_name: 'Final', contestants: [contestant] },
      })
    },
  },
]
