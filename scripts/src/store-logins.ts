import { type Identity, passwordVariable } from '@votestream/infra/access/identities'
import { type ClickHouseClient, connectClickhouse } from '@votestream/infra/clickhouse'
import { loginOf, type StoreLogin } from '@votestream/infra/store-login'
import { type Addresses, addressesOf } from './addresses.js'
import type { Environment } from './environment.js'
import { readSecrets } from './secrets.js'
import { readStorePasswords, type StorePasswords } from './store-passwords.js'

/** Where a server is, and as whom to log in there. */
export type StoreAddress = { readonly url: string } & StoreLogin

/**
 * As whom an identity logs in to NATS or Redis: with the password that the environment names for it; else, to a server
 * that was started here, with the one that was made for it; else as the environment or the address says, or as nobody.
 */
export const storeLogin = (
  store: 'nats' | 'redis',
  identity: Identity,
  environment: Environment,
  made: StorePasswords | undefined,
): StoreLogin => {
  const [upper, outside] =
    store === 'nats'
      ? (['NATS', loginOf(environment.NATS_USER, environment.NATS_PASSWORD)] as const)
      : (['REDIS', loginOf(environment.REDIS_USER, environment.REDIS_PASSWORD)] as const)
  const isOurs = environment[`${upper}_URL`] === undefined
  const password =
    environment[passwordVariable(upper, identity)] ?? (isOurs ? made?.[store][identity] : undefined)
  return password === undefined ? outside : { user: identity, password }
}

/** The same for ClickHouse; whoever has no password of their own there is its owner. */
export const clickhouseLogin = (
  identity: Identity,
  environment: Environment,
  { made, ownerPassword }: { made: StorePasswords | undefined; ownerPassword: string },
): { readonly user: string; readonly password: string } => {
  if (identity === 'gateway' || identity === 'processor') {
    const isOurs = environment.CLICKHOUSE_URL === undefined
    const password =
      environment[passwordVariable('CLICKHOUSE', identity)] ??
      (isOurs ? made?.clickhouse[identity] : undefined)
    if (password !== undefined) return { user: identity, password }
  }
  return { user: environment.CLICKHOUSE_USER, password: ownerPassword }
}

/** NATS and Redis for the operator's commands, with the logins of the system that `npm start` made here. */
export const operatorAddresses = async (
  environment: Environment,
): Promise<{ readonly nats: StoreAddress; readonly redis: StoreAddress }> => {
  const made = await readStorePasswords(environment.DATA_DIR)
  return operatorAddressesOf(environment, addressesOf(environment), made)
}

/** The same where both are known. */
export const operatorAddressesOf = (
  environment: Environment,
  { natsUrl, redisUrl }: Addresses,
  made: StorePasswords | undefined,
) => ({
  nats: { url: natsUrl, ...storeLogin('nats', 'operator', environment, made) },
  redis: { url: redisUrl, ...storeLogin('redis', 'operator', environment, made) },
})

/** ClickHouse as the environment says, otherwise as the owner of what `npm start` made here. */
export const connectToClickhouse = async (
  environment: Environment,
  requestTimeoutMs?: number,
): Promise<ClickHouseClient> => {
  const ownerPassword =
    environment.CLICKHOUSE_PASSWORD ?? (await readSecrets(environment.DATA_DIR))?.clickHousePassword ?? ''
  return connectClickhouse({
    url: addressesOf(environment).clickHouseUrl,
    user: environment.CLICKHOUSE_USER,
    password: ownerPassword,
    ...(requestTimeoutMs === undefined ? {} : { requestTimeoutMs }),
  })
}
