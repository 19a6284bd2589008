import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { startAlertmanagerServer } from '@votestream/infra/servers/alertmanager-server'
import { findServer } from '@votestream/infra/servers/find-server'
import { freePort } from '@votestream/infra/servers/free-port'
import { alertmanagerRequirement } from '@votestream/infra/servers/server-source'
import { startTemporarySystem, type TemporarySystem } from '../../src/browser/temporary-system.js'
import { readText, root } from '../monitoring/files.js'
import { startWatcher, type Watcher } from '../monitoring/prometheus.js'
import { shortenedRules, shortenedWaits } from '../monitoring/shortened.js'
import { startVoting, type VotingCrowd } from '../monitoring/voters.js'

/** As Alertmanager tells it to a webhook. */
interface Told {
  readonly status: 'firing' | 'resolved'
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

/** Stands still for so long, and works for so long, in turn: most of what it does then comes too late. */
const STILL_MS = 700
const WORKING_MS = 200

/**
 * The way of an alert from a slow process to the person who is woken: our rules in a sixtieth of the time, our
 * configuration of Alertmanager with a webhook that is ours, and everything else as it is.
 */
describe('an alert', () => {
  let folder: string
  let system: TemporarySystem
  let alertmanager: { stop(): Promise<void> }
  let watcher: Watcher
  let crowd: VotingCrowd
  let webhook: Server
  const told: Told[] = []

  before(async function () {
    this.timeout(180_000)
    folder = await mkdtemp(join(tmpdir(), 'votestream-alerts-'))
    system = await startTemporarySystem()
    webhook = createServer((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        told.push(...(JSON.parse(Buffer.concat(chunks).toString()) as { alerts: Told[] }).alerts)
        response.end()
      })
    })
    await new Promise<void>((resolve) => webhook.listen(0, '127.0.0.1', resolve))
    const address = webhook.address()
    assert.ok(typeof address === 'object' && address)
    const configuration = join(folder, 'alertmanager.yml')
    const ours = shortenedWaits(readText('infra/prometheus/alertmanager.yml'))
    assert.ok(ours.includes('http://127.0.0.1:9095/alerts'))
    await writeFile(configuration, ours.replace('127.0.0.1:9095', `127.0.0.1:${address.port}`))
    const alertmanagerPort = await freePort()
    alertmanager = await startAlertmanagerServer({
      binary: await findServer(alertmanagerRequirement),
      port: alertmanagerPort,
      configuration,
      dataDir: join(folder, 'alertmanager'),
    })
    watcher = await startWatcher({
      folder: join(folder, 'prometheus'),
      ports: system.metricsPorts,
      alertmanagerPort,
      rules: shortenedRules,
    })
    crowd = await startVoting(system, { voters: 4_000, everyMs: 50 })
  })
  after(async function () {
    this.timeout(30_000)
    await crowd?.stop()
    await watcher?.stop()
    await alertmanager?.stop()
    webhook?.closeAllConnections()
    webhook?.close()
    await system?.stop()
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  })

  const tellings = (alertname: string, status: Told['status']): Told[] =>
    told.filter(({ labels, status: said }) => {
      return labels.alertname === alertname && labels.level === 'processing' && said === status
    })
  const until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
    while (!(await condition())) await pause(50)
  }

  it('that processing is slow reaches the webhook while it is slow, and its end once it is over', async function () {
    this.timeout(150_000)
    const firing = async () => (await watcher.ask('ALERTS{level="processing"}')).length > 0
    // Votes flow and are counted in time: nothing is told of them.
    await until(async () => {
      const counted = await watcher.ask('votestream:latency_seconds{level="processing"} <= 0.2')
      return crowd.acknowledged() > 100 && counted.length > 0 && !(await firing())
    })
    told.length = 0

    const pid = system.pidOf('processor')
    const slow = new AbortController()
    const slowing = (async () => {
      while (!slow.signal.aborted) {
        process.kill(pid, 'SIGSTOP')
        await pause(STILL_MS)
        process.kill(pid, 'SIGCONT')
        await pause(WORKING_MS)
      }
    })()
    try {
      await until(() => tellings('LatencyAboveServiceLevel', 'firing').length > 0)
      await until(() => tellings('ErrorBudgetBurnsVeryFast', 'firing').length > 0)
    } finally {
      slow.abort()
      await slowing
      process.kill(pid, 'SIGCONT')
    }
    for (const name of ['LatencyAboveServiceLevel', 'ErrorBudgetBurnsVeryFast']) {
      const [alert] = tellings(name, 'firing')
      assert.equal(alert?.labels.severity, 'page')
      assert.match(alert.annotations.summary ?? '', /processing/)
      const runbook = alert.annotations.runbook_url ?? ''
      assert.equal(runbook, 'infra/prometheus/runbooks/processing.md')
      assert.ok(existsSync(join(root, runbook)))
    }
    await until(() => tellings('LatencyAboveServiceLevel', 'resolved').length > 0)
    await until(() => tellings('ErrorBudgetBurnsVeryFast', 'resolved').length > 0)
  })
})
