import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { LATENCY_BUCKETS_SECONDS } from '@votestream/infra/latency-buckets'
import { ERRORS } from '@votestream/schema/errors'
import { type PrometheusConfiguration, readRules, readText, readYaml, root } from '../monitoring/files.js'
import { readDashboards } from '../monitoring/panels.js'
import { shortenedRules, shortenedWaits } from '../monitoring/shortened.js'

const RUNBOOKS = 'infra/prometheus/runbooks'

describe('the rules of Prometheus', () => {
  const rules = readRules()
  const alerts = rules.filter(({ alert }) => alert !== undefined)
  const levels = rules.flatMap(({ record, labels }) =>
    record === 'votestream:service_level_objective:ratio' && labels?.level ? [labels.level] : [],
  )

  /** Where an alert sends people; with one page for both percentiles from end to end. */
  const runbooksOf = (url: string): string[] =>
    url.includes('$labels.level')
      ? levels.map((level) => url.replace(/\{\{.*\}\}/, level.replace(/-p[0-9]+$/, '')))
      : [url]

  it('tell of each alert what it is, who is to be told, and which page says what to do', () => {
    assert.ok(alerts.length > 10)
    for (const { alert, labels, annotations } of alerts) {
      assert.match(labels?.severity ?? '', /^(page|ticket)$/, alert)
      for (const text of ['summary', 'description']) assert.ok((annotations?.[text] ?? '').length > 20, alert)
      for (const runbook of runbooksOf(annotations?.runbook_url ?? '')) {
        assert.ok(
          runbook.startsWith(`${RUNBOOKS}/`) && existsSync(join(root, runbook)),
          `${alert}: ${runbook}`,
        )
      }
    }
  })

  it('lead to every page, and each page says what it means, what to look at and what to do', () => {
    const named = new Set(alerts.flatMap(({ annotations }) => runbooksOf(annotations?.runbook_url ?? '')))
    const titles = new Set(readDashboards().map(({ title }) => title))
    const rows = new Set(
      readDashboards().flatMap(({ panels }) =>
        panels.flatMap(({ type, title }) => (type === 'row' ? [title] : [])),
      ),
    )
    const commands = JSON.parse(readText('package.json')).scripts as Record<string, string>
    for (const name of readdirSync(join(root, RUNBOOKS))) {
      const text = readText(`${RUNBOOKS}/${name}`)
      assert.ok(named.has(`${RUNBOOKS}/${name}`), `nothing leads to ${name}`)
      for (const part of ['**What it means.**', '**What to look at**', '**What to do**'])
        assert.ok(text.includes(part), `${name}: ${part}`)
      for (const [, command = ''] of text.matchAll(/npm run (?:-s )?([a-z-]+)/g))
        assert.ok(command in commands, `${name}: npm run ${command}`)
      for (const [, link = ''] of text.matchAll(/\]\(([^)]+)\)/g))
        assert.ok(existsSync(join(root, RUNBOOKS, link)), `${name}: ${link}`)
      for (const [, dashboard = ''] of text.matchAll(/[Dd]ashboard _([^_]+)_/g))
        assert.ok(titles.has(dashboard), `${name}: ${dashboard}`)
      for (const [, row = ''] of text.matchAll(/\brows? _([^_]+)_/g))
        assert.ok(
          [...rows].some((title) => title.startsWith(row)),
          `${name}: row ${row}`,
        )
    }
  })

  it('hold latencies against bounds that the histograms have', () => {
    const bounds = rules.flatMap(({ expr }) => [...expr.matchAll(/le=~?"([^"]+)"/g)].map(([, le = '']) => le))
    assert.ok(bounds.length >= 5)
    for (const bound of bounds) {
      for (const one of bound.split('|'))
        assert.ok(LATENCY_BUCKETS_SECONDS.includes(Number(one.replace('[.]', '.'))), bound)
    }
  })

  it('count as faults of ours the codes that are answered with 5xx, and no others', () => {
    const ours = Object.entries(ERRORS).flatMap(([code, { status }]) => (status >= 500 ? [code] : []))
    const counted = rules.flatMap(({ expr }) =>
      [...expr.matchAll(/code=~"([^"]+)"/g)].map(([, codes = '']) => codes),
    )
    assert.deepEqual(
      counted.map((codes) => codes.split('|').sort()),
      [ours.sort()],
    )
  })

  it('wake people for the same levels that they have a budget for', () => {
    const errors = rules.filter(({ record }) => record === 'votestream:service_level_errors:rate1m')
    const events = rules.filter(({ record }) => record === 'votestream:service_level_events:rate1m')
    for (const of of [errors, events])
      assert.deepEqual(
        of.map(({ labels }) => labels?.level),
        levels,
      )
  })
})

describe('Prometheus in a container', () => {
  it('is configured like the one beside it, but for where everything is', () => {
    const [here, there] = ['infra/prometheus/prometheus.yml', 'infra/compose/prometheus.yml'].map((file) =>
      JSON.stringify(readYaml<PrometheusConfiguration>(file)),
    )
    assert.equal(
      there
        ?.replaceAll('host.docker.internal:', '127.0.0.1:')
        .replaceAll('alertmanager:9093', '127.0.0.1:9093'),
      here,
    )
  })
})

describe('rules in a sixtieth of the time', () => {
  it('have the same expressions with shorter windows, of five seconds at least', () => {
    assert.equal(
      shortenedRules('    interval: 2m\n  expr: rate(a[1h]) > 0.01 and rate(b[1m]) # [x]\n        for: 1m\n'),
      '    interval: 2s\n  expr: rate(a[60s]) > 0.01 and rate(b[5s]) # [x]\n        for: 1s\n',
    )
    assert.equal(
      shortenedWaits('  group_wait: 10s\n  repeat_interval: 4h\n'),
      '  group_wait: 1s\n  repeat_interval: 240s\n',
    )
  })
})
