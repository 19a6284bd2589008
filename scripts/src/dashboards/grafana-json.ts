import type { Dashboard, Panel, Query, Row, Variable } from './dashboard.js'

/** Of Grafana 12 and 13. */
const SCHEMA_VERSION = 42
const COLUMNS = 24
const ROW_HEIGHT = 1
const HEIGHTS: Record<Panel['kind'], number> = { stat: 4, timeseries: 8, heatmap: 8, bargauge: 8, table: 8 }

/** Whichever Prometheus is chosen above the panels. */
const DATASOURCE = { type: 'prometheus', uid: '$datasource' }

interface Place {
  readonly h: number
  readonly w: number
  readonly x: number
  readonly y: number
}

/** The file that Grafana provisions. */
export const grafanaJson = (dashboard: Dashboard): object => ({
  uid: dashboard.uid,
  title: dashboard.title,
  description: dashboard.description,
  tags: ['votestream'],
  schemaVersion: SCHEMA_VERSION,
  editable: false,
  graphTooltip: 1,
  refresh: '10s',
  time: { from: 'now-30m', to: 'now' },
  timezone: 'browser',
  links: [
    {
      type: 'dashboards',
      title: 'Votestream',
      tags: ['votestream'],
      asDropdown: true,
      includeVars: false,
      keepTime: true,
      targetBlank: false,
    },
  ],
  templating: { list: [datasourceVariable, ...dashboard.variables.map(variableJson)] },
  annotations: { list: [firingAlerts] },
  panels: placed(dashboard.rows),
})

const datasourceVariable = {
  type: 'datasource',
  name: 'datasource',
  label: 'Prometheus',
  query: 'prometheus',
  current: { text: 'Prometheus', value: 'prometheus' },
  hide: 0,
  refresh: 1,
}

const variableJson = ({ name, label, query, many }: Variable): object => ({
  type: 'query',
  name,
  label,
  datasource: DATASOURCE,
  definition: query,
  query: { qryType: 1, query, refId: 'PrometheusVariableQueryEditor-VariableQuery' },
  // With the time range: an event or an instance that comes is there.
  refresh: 2,
  sort: 3,
  multi: many,
  includeAll: many,
  ...(many ? { allValue: '.*', current: { text: 'All', value: '$__all' } } : {}),
})

const firingAlerts = {
  name: 'Alerts',
  datasource: DATASOURCE,
  enable: true,
  iconColor: 'red',
  expr: 'ALERTS{alertstate="firing", severity="page"}',
  titleFormat: '{{alertname}}',
  textFormat: '{{level}}{{sink}}{{shard}}{{store}}',
}

/** Panels flow into 24 columns, from left to right; each row of the dashboard begins a new line. */
const placed = (rows: readonly Row[]): object[] => {
  const panels: object[] = []
  let id = 1
  let y = 0
  for (const row of rows) {
    const place = { h: ROW_HEIGHT, w: COLUMNS, x: 0, y }
    panels.push({ id: id++, type: 'row', title: row.title, collapsed: false, gridPos: place, panels: [] })
    y += ROW_HEIGHT
    let x = 0
    let lineHeight = 0
    for (const panel of row.panels) {
      const height = HEIGHTS[panel.kind]
      if (x + panel.width > COLUMNS) {
        y += lineHeight
        x = 0
        lineHeight = 0
      }
      panels.push(panelJson(id++, panel, { h: height, w: panel.width, x, y }))
      x += panel.width
      lineHeight = Math.max(lineHeight, height)
    }
    y += lineHeight
  }
  return panels
}

const panelJson = (id: number, panel: Panel, gridPos: Place): object => ({
  id,
  type: panel.kind,
  title: panel.title,
  description: panel.description,
  datasource: DATASOURCE,
  gridPos,
  targets: panel.queries.map((query, index) => targetJson(query, index, panel)),
  fieldConfig: { defaults: defaultsJson(panel), overrides: [] },
  options: OPTIONS[panel.kind],
})

const targetJson = ({ expression, legend }: Query, index: number, { kind }: Panel): object => {
  const instant = kind === 'table' || kind === 'bargauge'
  return {
    refId: String.fromCharCode('A'.charCodeAt(0) + index),
    datasource: DATASOURCE,
    expr: expression,
    legendFormat: legend,
    editorMode: 'code',
    instant,
    range: !instant,
    // Single votes with their traces, beside the lines.
    exemplar: kind === 'timeseries' && expression.startsWith('histogram_quantile'),
    format: kind === 'heatmap' ? 'heatmap' : kind === 'table' ? 'table' : 'time_series',
  }
}

const defaultsJson = (panel: Panel): object => ({
  unit: panel.unit,
  ...(panel.decimals === undefined ? {} : { decimals: panel.decimals }),
  color: { mode: panel.kind === 'stat' || panel.kind === 'bargauge' ? 'thresholds' : 'palette-classic' },
  thresholds: { mode: 'absolute', steps: thresholdSteps(panel) },
  ...(panel.kind === 'timeseries'
    ? {
        custom: {
          lineWidth: 1,
          fillOpacity: 5,
          showPoints: 'never',
          thresholdsStyle: { mode: isJudged(panel) ? 'line' : 'off' },
        },
      }
    : {}),
})

const isJudged = ({ badFrom, badBelow }: Panel): boolean => badFrom !== undefined || badBelow !== undefined

const thresholdSteps = ({ badFrom, badBelow }: Panel): object[] => {
  if (badFrom !== undefined) {
    return [
      { color: 'green', value: null },
      { color: 'red', value: badFrom },
    ]
  }
  if (badBelow !== undefined) {
    return [
      { color: 'red', value: null },
      { color: 'green', value: badBelow },
    ]
  }
  return [{ color: 'blue', value: null }]
}

const OPTIONS: Record<Panel['kind'], object> = {
  timeseries: {
    legend: { displayMode: 'list', placement: 'bottom', calcs: [] },
    tooltip: { mode: 'multi', sort: 'desc' },
  },
  stat: {
    colorMode: 'background',
    graphMode: 'area',
    textMode: 'auto',
    reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
  },
  bargauge: {
    displayMode: 'gradient',
    orientation: 'horizontal',
    reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
  },
  heatmap: {
    calculate: false,
    color: { mode: 'scheme', scheme: 'Oranges', steps: 64 },
    yAxis: { unit: 's' },
    cellGap: 0,
    tooltip: { mode: 'single', yHistogram: true },
  },
  table: { showHeader: true, cellHeight: 'sm' },
}
