/**
 * Who logs in to NATS, Redis and ClickHouse. Each service has a name and a password of its own in each of them, and may
 * do there what its work needs and nothing else: see `nats-rights`, `redis-rights` and `clickhouse-rights`.
 */
export const IDENTITIES = ['gateway', 'ingest', 'processor', 'operator'] as const
export type Identity = (typeof IDENTITIES)[number]

/** Ingest never asks ClickHouse anything; whom its owner is, CLICKHOUSE_USER says. */
export const CLICKHOUSE_SERVICES = ['gateway', 'processor'] as const
export type ClickhouseService = (typeof CLICKHOUSE_SERVICES)[number]

export type IdentityPasswords = Readonly<Record<Identity, string>>
export type ClickhousePasswords = Readonly<Record<ClickhouseService, string>>

/** The variable that holds an identity's password, for the server's configuration and for whoever starts services. */
export const passwordVariable = <Store extends 'NATS' | 'REDIS' | 'CLICKHOUSE'>(
  store: Store,
  identity: Identity,
) => `${store}_${identity.toUpperCase() as Uppercase<Identity>}_PASSWORD` as const
