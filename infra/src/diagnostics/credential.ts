import { createHash, timingSafeEqual } from 'node:crypto'

const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest()

/**
 * Whether a request may use what the private port offers to operators alone. The token comes as a bearer's, or as the
 * password of anybody, which is all that `go tool pprof http://any:TOKEN@…` can send. How long a comparison takes tells
 * nothing of the token.
 */
export const createCredential = (token: string): ((authorization: string | undefined) => boolean) => {
  const expected = digestOf(token)
  return (authorization) => timingSafeEqual(digestOf(shownToken(authorization ?? '')), expected)
}

const shownToken = (authorization: string): string => {
  const [, scheme = '', rest = ''] = /^(\S+) +(\S+)$/.exec(authorization) ?? []
  switch (scheme.toLowerCase()) {
    case 'bearer':
      return rest
    case 'basic': {
      const pair = Buffer.from(rest, 'base64').toString()
      return pair.slice(pair.indexOf(':') + 1)
    }
    default:
      return ''
  }
}
