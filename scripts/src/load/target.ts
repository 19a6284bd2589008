import type { Target } from './protocol.js'

/** Where a URL of `http:` or `https:` leads. */
export const targetOf = (url: string): Target => {
  const { protocol, hostname, port } = new URL(url)
  const isTls = protocol === 'https:'
  // An IPv6 address stands in brackets in a URL, and without them for a socket.
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || (isTls ? 443 : 80)), isTls }
}
