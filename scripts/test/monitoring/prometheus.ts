import { mkdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { findServer } from '@votestream/infra/servers/find-server'
import { freePort } from '@votestream/infra/servers/free-port'
import { startPrometheusServer } from '@votestream/infra/servers/prometheus-server'
import { prometheusRequirement } from '@votestream/infra/servers/server-source'
import { stringify } from 'yaml'
import { type PrometheusConfiguration, RULE_FILES, readText, readYaml } from './files.js'

/** What Prometheus answers to a query: series, each with a value, or values over time. */
export interface Series {
  readonly metric: Readonly<Record<string, string>>
  readonly value?: readonly [number, string]
  readonly values?: readonly (readonly [number, string])[]
}

export interface Watcher {
  readonly url: string
  /** @throws Error with what Prometheus says against it */
  ask(expression: string): Promise<Series[]>
  /** Over the last so many seconds, a point a second. */
  askOver(expression: string, seconds: number): Promise<Series[]>
  /** The values of a label in the series that a selector finds. */
  labelValues(selector: string, label: string): Promise<string[]>
  /** Everything that has been scraped, by name. */
  metricNames(): Promise<Set<string>>
  stop(): Promise<void>
}

interface WatchOptions {
  readonly folder: string
  /** The private port of each service that there is. */
  readonly ports: Readonly<Record<string, number>>
  readonly alertmanagerPort?: number
  /** What becomes of the text of a file of rules. */
  readonly rules?: (text: string) => string
}

/** Our own configuration and rules, with the ports of this system and a scrape a second. */
export const startWatcher = async ({
  folder,
  ports,
  alertmanagerPort,
  rules = (text) => text,
}: WatchOptions): Promise<Watcher> => {
  const binary = await findServer(prometheusRequirement)
  await mkdir(join(folder, 'rules'), { recursive: true })
  for (const file of RULE_FILES) await writeFile(join(folder, 'rules', basename(file)), rules(readText(file)))
  const configuration = join(folder, 'prometheus.yml')
  await writeFile(configuration, stringify(configurationFor(ports, alertmanagerPort)))
  const server = await startPrometheusServer({
    binary,
    port: await freePort(),
    configuration,
    dataDir: join(folder, 'data'),
  })
  const get = async <Data>(path: string, query: Record<string, string>): Promise<Data> => {
    const response = await fetch(`${server.url}/api/v1/${path}?${new URLSearchParams(query)}`)
    const answer = (await response.json()) as { status: string; error?: string; data: Data }
    if (answer.status !== 'success') throw new Error(`${query.query ?? path}: ${answer.error}`)
    return answer.data
  }
  return {
    url: server.url,
    ask: async (query) => (await get<{ result: Series[] }>('query', { query })).result,
    async askOver(query, seconds) {
      const end = Date.now() / 1_000
      const span = { start: String(end - seconds), end: String(end), step: '1' }
      return (await get<{ result: Series[] }>('query_range', { query, ...span })).result
    },
    labelValues: (selector, label) => get<string[]>(`label/${label}/values`, { 'match[]': selector }),
    metricNames: async () => new Set(await get<string[]>('label/__name__/values', {})),
    stop: () => server.stop(),
  }
}

const configurationFor = (
  ports: Readonly<Record<string, number>>,
  alertmanagerPort: number | undefined,
): PrometheusConfiguration => {
  const ours = readYaml<PrometheusConfiguration>('infra/prometheus/prometheus.yml')
  const global = { ...ours.global, scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' }
  const targets = alertmanagerPort === undefined ? [] : [`127.0.0.1:${alertmanagerPort}`]
  return {
    ...ours,
    global,
    alerting: { alertmanagers: [{ static_configs: [{ targets }] }] },
    scrape_configs: ours.scrape_configs.map((job) => ({
      ...job,
      static_configs: job.static_configs.flatMap(({ labels }) => {
        const port = ports[labels.service]
        return port === undefined ? [] : [{ targets: [`127.0.0.1:${port}`], labels }]
      }),
    })),
  }
}
