import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { readText, root } from './files.js'

export interface PanelJson {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description?: string
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly targets?: readonly TargetJson[]
}

export interface TargetJson {
  readonly refId: string
  readonly expr: string
  readonly instant: boolean
}

export interface VariableJson {
  readonly name: string
  readonly type: 'datasource' | 'query'
  readonly multi?: boolean
  readonly allValue?: string
  readonly definition?: string
}

export interface DashboardJson {
  readonly uid: string
  readonly title: string
  readonly schemaVersion: number
  readonly panels: readonly PanelJson[]
  readonly templating: { readonly list: readonly VariableJson[] }
  readonly annotations: { readonly list: readonly { readonly expr: string }[] }
}

const FOLDER = 'infra/grafana/dashboards'

export const readDashboards = (): DashboardJson[] =>
  readdirSync(join(root, FOLDER)).map((name) => JSON.parse(readText(`${FOLDER}/${name}`)) as DashboardJson)

/** `label_values(selector, label)`, which Grafana asks Prometheus for. */
export const labelQuery = (variable: VariableJson): { selector: string; label: string } => {
  const [, selector = '', label = ''] = /^label_values\((.+), (\w+)\)$/.exec(variable.definition ?? '') ?? []
  if (label === '') throw new Error(`${variable.name} is not made of a label: ${variable.definition}`)
  return { selector, label }
}

/**
 * An expression as Grafana sends it. A variable with All is replaced by what stands for all; one that is a single value
 * by that, with what means something inside of quotes escaped.
 * @param chosen of the variables with a single value
 * @throws Error where something is left that Grafana does not know either
 */
export const asSent = (
  expression: string,
  variables: readonly VariableJson[],
  chosen: Readonly<Record<string, string>>,
): string => {
  // Four scrapes, as Grafana takes it for short spans; there is one a second here.
  let text = expression.replaceAll('$__rate_interval', '4s')
  for (const { name, multi, allValue = '.*' } of variables) {
    const value = multi ? allValue : (chosen[name] ?? '').replaceAll('\\', '\\\\').replaceAll('"', '\\"')
    text = text.replace(new RegExp(`\\$\\{?${name}\\b\\}?`, 'g'), () => value)
  }
  if (text.includes('$')) throw new Error(`an unknown variable in ${expression}`)
  return text
}

const METRIC = /\b(?:votestream|process|nodejs)_[a-z0-9_]+\b(?!\s*\()/g

/** The metrics that an expression reads, without what rules record. */
export const metricsOf = (expression: string): string[] => [
  ...new Set(
    expression
      .replace(/votestream:[a-z0-9_:]+/g, '')
      .replace(/"[^"]*"/g, '')
      .match(METRIC) ?? [],
  ),
]
