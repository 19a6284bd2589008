import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { freePort } from '@votestream/infra/servers/free-port'
import { startTemporarySystem, type TemporarySystem } from '../../src/browser/temporary-system.js'
import { readRules } from '../monitoring/files.js'
import { startPages, startProber } from '../monitoring/onlookers.js'
import { asSent, labelQuery, metricsOf, readDashboards } from '../monitoring/panels.js'
import { type Series, startWatcher, type Watcher } from '../monitoring/prometheus.js'
import { startVoting, type VotingCrowd } from '../monitoring/voters.js'

/** Long windows are recorded only every two minutes; what is asked of Prometheus here is the same at any length. */
const quicker = (text: string): string => text.replaceAll('interval: 2m', 'interval: 1s')

/**
 * A whole system that people vote in and look at, with the prober beside it, and a real Prometheus that reads all of it by
 * our own configuration.
 */
describe('the dashboards over a running system', () => {
  let folder: string
  let system: TemporarySystem
  let crowd: VotingCrowd
  let prober: { stop(): Promise<void> }
  let watcher: Watcher
  let stopPages: (() => void) | undefined

  before(async function () {
    this.timeout(180_000)
    folder = await mkdtemp(join(tmpdir(), 'votestream-dashboards-'))
    system = await startTemporarySystem()
    const proberPort = await freePort()
    prober = await startProber(system, proberPort)
    watcher = await startWatcher({
      folder,
      ports: { ...system.metricsPorts, prober: proberPort },
      rules: quicker,
    })
    crowd = await startVoting(system, { voters: 3_000, everyMs: 50 })
    stopPages = startPages(system)
  })
  after(async function () {
    this.timeout(30_000)
    stopPages?.()
    await crowd?.stop()
    await prober?.stop()
    await watcher?.stop()
    await system?.stop()
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  })

  /** Something that can be drawn: a latency of nobody is NaN. */
  const hasFigures = (series: readonly Series[]): boolean =>
    series.some(({ value, values = value ? [value] : [] }) =>
      values.some(([, text]) => !Number.isNaN(Number(text))),
    )

  const OVER_SECONDS = 30
  /** A shard has a halt once it stood still. */
  const TOLD_IN_TROUBLE = ['votestream_shard_halted']

  for (const { title, panels, templating, annotations } of readDashboards()) {
    it(`${title}: every query of every panel has data`, async function () {
      this.timeout(120_000)
      const variables = templating.list.filter(({ type }) => type === 'query')
      const queries = panels.flatMap(({ title: panel, targets = [] }) =>
        targets.map((target) => ({ ...target, name: `${panel} ${target.refId}` })),
      )
      const empty = async (): Promise<string[]> => {
        const chosen: Record<string, string> = {}
        const without: string[] = []
        for (const variable of variables) {
          const { selector, label } = labelQuery(variable)
          const [first] = await watcher.labelValues(selector, label)
          if (first === undefined) without.push(`$${variable.name}`)
          else chosen[variable.name] = first
        }
        for (const { name, expr, instant } of queries) {
          const sent = asSent(expr, variables, chosen)
          const series = instant ? await watcher.ask(sent) : await watcher.askOver(sent, OVER_SECONDS)
          if (!hasFigures(series)) without.push(`${name}: ${sent}`)
        }
        return without
      }
      // There may be none, but the question has to be one.
      for (const { expr } of annotations.list) await watcher.ask(expr)
      // Counters grow, boards are sent and books are read while this asks again.
      const untilMs = Date.now() + 90_000
      let missing = await empty()
      while (missing.length > 0 && Date.now() < untilMs) {
        await pause(500)
        missing = await empty()
      }
      assert.deepEqual(missing, [])
    })
  }

  it('every metric that a panel or a rule reads is one that the system tells', async function () {
    this.timeout(60_000)
    const panels = readDashboards().flatMap(({ panels: all }) =>
      all.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
    )
    const read = new Set([...panels, ...readRules().map(({ expr }) => expr)].flatMap(metricsOf))
    assert.ok(read.size > 30)
    const told = await watcher.metricNames()
    assert.deepEqual(
      [...read].filter((name) => !told.has(name) && !TOLD_IN_TROUBLE.includes(name)),
      [],
    )
  })

  it('nothing is wrong with a system that is well: no alert about its parts fires', async function () {
    this.timeout(60_000)
    // Latencies are another matter on a machine that runs tests beside this.
    const firing = await watcher.ask('ALERTS{alertstate="firing", level=""}')
    assert.deepEqual(
      firing
        .map(({ metric }) => metric.alertname)
        .filter((name) => name !== 'ConsumerLag' && name !== 'DiskNearlyFull'),
      [],
    )
  })
})
