import { isPortFree } from '@votestream/infra/servers/free-port'
import type { Environment } from './environment.js'

export interface PortUse {
  readonly port: number
  /** The variable that changes it. */
  readonly variable: string
}

/** The ports that a start with this environment listens on. A server with an address is not ours to start. */
export function portsOf(environment: Environment): PortUse[] {
  const uses: PortUse[] = [{ port: environment.GATEWAY_PORT, variable: 'GATEWAY_PORT' }]
  if (environment.NATS_URL === undefined) uses.push({ port: environment.NATS_PORT, variable: 'NATS_PORT' })
  if (environment.REDIS_URL === undefined) uses.push({ port: environment.REDIS_PORT, variable: 'REDIS_PORT' })
  if (environment.CLICKHOUSE_URL === undefined) {
    uses.push({ port: environment.CLICKHOUSE_PORT, variable: 'CLICKHOUSE_PORT' })
  }
  for (const variable of ['GATEWAY_METRICS_PORT', 'INGEST_METRICS_PORT', 'PROCESSOR_METRICS_PORT'] as const) {
    uses.push({ port: environment[variable], variable })
  }
  return uses
}

/** One sentence about ports that two of our own variables name; undefined when all differ. */
export function sharedPortSentence(uses: readonly PortUse[]): string | undefined {
  for (const { port } of uses) {
    const variables = uses.filter((use) => use.port === port).map((use) => use.variable)
    if (variables.length > 1) return `Port ${port} is named by ${variables.join(' and ')}: give each its own.`
  }
  return undefined
}

/** One sentence that names each taken port and the variable that changes it; undefined when none is taken. */
export function takenPortsSentence(taken: readonly PortUse[]): string | undefined {
  if (taken.length === 0) return undefined
  const [first] = taken
  if (taken.length === 1 && first !== undefined) {
    return `Port ${first.port} is taken: set ${first.variable} to a free port, or stop what listens there.`
  }
  const names = taken.map(({ port, variable }) => `${port} (${variable})`)
  return `Ports ${names.join(', ')} are taken: set these variables to free ports, or stop what listens there.`
}

export async function findTakenPorts(uses: readonly PortUse[]): Promise<PortUse[]> {
  const free = await Promise.all(uses.map(({ port }) => isPortFree(port)))
  return uses.filter((_, index) => free[index] === false)
}
