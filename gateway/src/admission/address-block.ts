import { isIPv6 } from 'node:net'

/** Groups of an address that are its network's. */
const NETWORK_GROUPS = 4
const GROUPS = 8

/**
 * What counts as one address: of IPv6 a /64, since whoever has one of its addresses has all of them; an IPv4 address that is
 * written as one of IPv6 is that address.
 */
export const addressBlock = (address: string): string => {
  if (!address.includes(':')) return address
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  const [bare = ''] = address.split('%', 1)
  if (!isIPv6(bare)) return address
  const [head = '', tail] = bare.split('::', 2)
  const groupsOf = (text: string) => (text === '' ? [] : text.split(':'))
  const first = groupsOf(head)
  const last = tail === undefined ? [] : groupsOf(tail)
  const between = Math.max(0, GROUPS - first.length - last.length)
  const groups = [...first, ...Array<string>(between).fill('0'), ...last]
  return `${groups
    .slice(0, NETWORK_GROUPS)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`
}
