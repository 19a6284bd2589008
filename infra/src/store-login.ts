/** As whom to log in to NATS, Redis or ClickHouse; nothing where nobody is asked. */
export interface StoreLogin {
  readonly user?: string | undefined
  readonly password?: string | undefined
}

/** The variables `NATS_USER` and the like as a login; what is not set goes by the address. */
export const loginOf = (user: string | undefined, password: string | undefined): StoreLogin => ({
  ...(user === undefined ? {} : { user }),
  ...(password === undefined ? {} : { password }),
})

/** `scheme://user:password@host:port` taken apart; an address without a scheme is one, too. */
export const splitLogin = (address: string): { readonly url: string } & StoreLogin => {
  const parts = /^([a-z][a-z+.-]*:\/\/)?(?:([^@/]*)@)?(.*)$/is.exec(address)
  const [, scheme = '', login, rest = ''] = parts ?? []
  if (login === undefined) return { url: address }
  const colon = login.indexOf(':')
  const user = decoded(colon === -1 ? login : login.slice(0, colon))
  const password = colon === -1 ? undefined : decoded(login.slice(colon + 1))
  return { url: `${scheme}${rest}`, ...loginOf(user === '' ? undefined : user, password) }
}

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** An address, or several apart by commas, as it may be shown: without any login. */
export const shownAddress = (url: string): string =>
  url
    .split(',')
    .map((address) => splitLogin(address.trim()).url)
    .join(',')
