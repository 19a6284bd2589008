/**
 * On every answer that is no page: nothing in it may be run, framed or taken for another type. It is a constant, and no
 * plugin's, since the doors and the refusals of connections write their answers without the framework.
 */
export const ANSWER_HEADERS: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
}

/**
 * What the page of the REST documents needs. Its library sets styles on elements as it draws them, and puts one sheet into
 * the page when it shows an answer.
 */
export const DOCUMENTS_POLICY = [
  "script-src 'self'",
  "style-src 'self' 'sha256-RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w='",
  "img-src 'self' data:",
  "connect-src 'self'",
  "form-action 'self'",
]

/** @param policy what the page may load, beside nothing */
export const pageHeaders = (policy: readonly string[]): Readonly<Record<string, string>> => ({
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'content-security-policy': [
    "default-src 'none'",
    ...policy,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=(), payment=(), usb=()',
})

/** Tells browsers to come by TLS alone from then on. @param maxAgeSeconds undefined: nothing is said of it */
export const transportHeaders = (maxAgeSeconds: number | undefined): Readonly<Record<string, string>> =>
  maxAgeSeconds === undefined ? {} : { 'strict-transport-security': `max-age=${maxAgeSeconds}` }
