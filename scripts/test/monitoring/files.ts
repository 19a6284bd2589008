import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import { parse } from 'yaml'

export const root = repositoryRoot()

/** @param file from the repository's root */
export const readText = (file: string): string => readFileSync(join(root, file), 'utf8')

/** A document of YAML, as whoever asks says it is: the tests find out. */
export const readYaml = <Document>(file: string): Document => parse(readText(file)) as Document

export interface Rule {
  readonly record?: string
  readonly alert?: string
  readonly expr: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
}

export const RULE_FILES = readdirSync(join(root, 'infra/prometheus/rules')).map(
  (name) => `infra/prometheus/rules/${name}`,
)

/** Of all files. */
export const readRules = (): Rule[] =>
  RULE_FILES.flatMap((file) =>
    readYaml<{ groups: { rules: Rule[] }[] }>(file).groups.flatMap(({ rules }) => rules),
  )

export interface PrometheusConfiguration {
  global: Record<string, string>
  rule_files: string[]
  alerting: { alertmanagers: { static_configs: { targets: string[] }[] }[] }
  scrape_configs: {
    job_name: string
    static_configs: { targets: string[]; labels: { service: string } }[]
  }[]
}
