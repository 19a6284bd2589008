import { isIPv6 } from 'node:net'
import { shownAddress } from '@votestream/infra/store-login'
import type { Environment } from './environment.js'

export interface Addresses {
  readonly gatewayUrl: string
  readonly natsUrl: string
  readonly redisUrl: string
  readonly clickHouseUrl: string
}

export function addressesOf(environment: Environment): Addresses {
  const scheme = environment.TLS_CERT_FILE === undefined ? 'http' : 'https'
  return {
    gatewayUrl: `${scheme}://127.0.0.1:${environment.GATEWAY_PORT}`,
    natsUrl: environment.NATS_URL ?? `nats://127.0.0.1:${environment.NATS_PORT}`,
    redisUrl: environment.REDIS_URL ?? `redis://127.0.0.1:${environment.REDIS_PORT}`,
    clickHouseUrl: environment.CLICKHOUSE_URL ?? `http://127.0.0.1:${environment.CLICKHOUSE_PORT}`,
  }
}

/** Where this machine reaches a private port, as it stands in an address: one that is open everywhere is open here, too. */
export function privateHost({ METRICS_HOST: host = '127.0.0.1' }: NodeJS.ProcessEnv): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return isIPv6(host) ? `[${host}]` : host
}

export interface AddressTable extends Addresses {
  readonly metricsHost: string
  readonly metricsPorts: readonly number[]
  readonly dataDir: string
  readonly analystPassword: string | undefined
  /** Where the admin's login is, or, once, the login itself. */
  readonly admin: string
  readonly demoEvent: { readonly id: string; readonly name: string } | undefined
}

/** What a person needs to find their way, one line each. */
export function addressTable(table: AddressTable): string {
  const analyst =
    table.analystPassword === undefined ? '' : `   user analyst, password ${table.analystPassword}`
  const rows: [string, string][] = [
    ['Live page', `${table.gatewayUrl}/`],
    ['REST', `${table.gatewayUrl}/v1`],
    ['API docs', `${table.gatewayUrl}/v1/docs`],
    ['GraphQL', `${table.gatewayUrl}/graphql`],
    ['NATS', shownAddress(table.natsUrl)],
    ['Redis', shownAddress(table.redisUrl)],
    ['ClickHouse', `${shownAddress(table.clickHouseUrl)}${analyst}`],
    ['Metrics', table.metricsPorts.map((port) => `http://${table.metricsHost}:${port}/metrics`).join('  ')],
    ['Data', table.dataDir],
    ['Admin', table.admin],
  ]
  if (table.demoEvent !== undefined)
    rows.push(['Demo event', `${table.demoEvent.id}   ${table.demoEvent.name}`])
  const width = Math.max(...rows.map(([name]) => name.length))
  return rows.map(([name, value]) => `  ${name.padEnd(width)}   ${value}`).join('\n')
}
