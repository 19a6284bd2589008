import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { findServer, serverEnvironment } from '@votestream/infra/servers/find-server'
import { toolBeside } from '@votestream/infra/servers/prometheus-server'
import { alertmanagerRequirement, prometheusRequirement } from '@votestream/infra/servers/server-source'
import { RULE_FILES, readText, root } from '../monitoring/files.js'
import { BUDGETS, levelSeries, STEP_SECONDS, type Stretch } from '../monitoring/level-series.js'
import { shortenedRules } from '../monitoring/shortened.js'

const execute = promisify(execFile)

/** Whether an alert fires at a time, for every level that it is about. */
interface Expectation {
  readonly alert: string
  readonly atMinutes: number
  readonly fires: boolean
}

interface Case {
  readonly name: string
  readonly stretches: readonly Stretch[]
  readonly expected: readonly Expectation[]
  /** How often rules are looked at; days are looked at less often, or a test would take minutes. */
  readonly everySeconds: number
}

const HOUR = 60
const DAY = 24 * HOUR

/**
 * How often rules are evaluated: promtool takes their groups in any order, so an alert may see what was recorded one turn
 * before, which must not be older than Prometheus looks back, five minutes.
 */
const PAIRS = [
  { alert: 'ErrorBudgetBurnsVeryFast', factor: 14.4, minutes: HOUR, everySeconds: 30 },
  { alert: 'ErrorBudgetBurnsFast', factor: 6, minutes: 6 * HOUR, everySeconds: 60 },
  { alert: 'ErrorBudgetBurnsSlowly', factor: 3, minutes: DAY, everySeconds: 240 },
  { alert: 'ErrorBudgetBurnsSteadily', factor: 1, minutes: 3 * DAY, everySeconds: 240 },
]

const CASES: readonly Case[] = [
  ...PAIRS.map(({ alert, factor, minutes, everySeconds }): Case => {
    const half = minutes + 10
    return {
      name: `${alert} at a little more than ${factor} times the budget's pace, and not at a little less`,
      stretches: [
        { minutes: half, burn: factor * 0.95 },
        { minutes: half, burn: factor * 1.05 },
      ],
      expected: [
        { alert, atMinutes: half, fires: false },
        { alert, atMinutes: 2 * half, fires: true },
      ],
      everySeconds,
    }
  }),
  {
    name: 'ErrorBudgetBurnsVeryFast not for what lasts four minutes, and its end soon after what lasted an hour',
    stretches: [
      { minutes: HOUR, burn: 0 },
      // Enough for the five minutes of the short window, and not for the hour.
      { minutes: 4, burn: 40 },
      { minutes: HOUR, burn: 0 },
      { minutes: HOUR, burn: 17 },
      { minutes: 10, burn: 0 },
    ],
    expected: [
      { alert: 'ErrorBudgetBurnsVeryFast', atMinutes: 64, fires: false },
      { alert: 'ErrorBudgetBurnsVeryFast', atMinutes: 184, fires: true },
      { alert: 'ErrorBudgetBurnsVeryFast', atMinutes: 192, fires: false },
    ],
    everySeconds: 30,
  },
  {
    name: 'LatencyAboveServiceLevel soon after the percentile is above it, and not before or after',
    stretches: [
      { minutes: 10, burn: 0.5 },
      { minutes: 10, burn: 2 },
      { minutes: 10, burn: 0.5 },
    ],
    expected: [
      { alert: 'LatencyAboveServiceLevel', atMinutes: 10, fires: false },
      { alert: 'LatencyAboveServiceLevel', atMinutes: 14, fires: true },
      { alert: 'LatencyAboveServiceLevel', atMinutes: 25, fires: false },
    ],
    everySeconds: 30,
  },
]

const levelsOf = (alert: string): string[] =>
  Object.keys(BUDGETS).filter((level) => !alert.startsWith('Latency') || level !== 'availability')

/** Of promtool; JSON is YAML. */
const testFile = ({ stretches, expected, everySeconds }: Case, second: '1' | '1.0'): string =>
  JSON.stringify({
    rule_files: [join(root, 'infra/prometheus/rules/service-levels.yml')],
    evaluation_interval: `${everySeconds}s`,
    tests: [
      {
        interval: `${STEP_SECONDS}s`,
        input_series: levelSeries(stretches, second),
        promql_expr_test: expected.map(({ alert, atMinutes, fires }) => ({
          expr: `count by (severity, level) (ALERTS{alertname="${alert}", alertstate="firing"})`,
          eval_time: `${atMinutes}m`,
          exp_samples: (fires ? levelsOf(alert) : []).map((level) => {
            const severity = /Slowly|Steadily/.test(alert) ? 'ticket' : 'page'
            return { labels: `{severity="${severity}", level="${level}"}`, value: 1 }
          }),
        })),
      },
    ],
  })

describe('the configuration of Prometheus and Alertmanager', () => {
  let folder: string
  let promtool: (...args: string[]) => Promise<string>
  let amtool: (...args: string[]) => Promise<string>

  before(async function () {
    this.timeout(180_000)
    folder = await mkdtemp(join(tmpdir(), 'votestream-rules-'))
    const [prometheus, alertmanager] = [
      await findServer(prometheusRequirement),
      await findServer(alertmanagerRequirement),
    ]
    const run = async (tool: string, env: NodeJS.ProcessEnv, args: string[]): Promise<string> => {
      const ended = await execute(tool, args, { env, cwd: root }).catch((error: unknown) => {
        const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
        throw new Error(`${tool} ${args.join(' ')}\n${stdout}${stderr}`)
      })
      return ended.stdout + ended.stderr
    }
    promtool = (...args) => run(toolBeside(prometheus, 'promtool'), serverEnvironment(prometheus), args)
    amtool = (...args) => run(toolBeside(alertmanager, 'amtool'), serverEnvironment(alertmanager), args)
  })
  after(() => rm(folder, { recursive: true, force: true }))

  it('is one that promtool and amtool find right, with every file of rules', async function () {
    this.timeout(30_000)
    const said = await promtool('check', 'config', 'infra/prometheus/prometheus.yml')
    assert.match(said, /2 rule files found/)
    await amtool('check-config', 'infra/prometheus/alertmanager.yml')
  })

  it('for containers is right as well, with the rules beside it', async function () {
    this.timeout(30_000)
    await promtool('check', 'config', '--syntax-only', 'infra/compose/prometheus.yml')
  })

  it('pages go to the operators at once, and tickets to the same, later', async function () {
    this.timeout(30_000)
    const file = '--config.file=infra/prometheus/alertmanager.yml'
    for (const severity of ['page', 'ticket']) {
      const said = await amtool('config', 'routes', 'test', file, `severity=${severity}`)
      assert.match(said, /^operators$/m)
    }
  })

  it('rules in a sixtieth of the time are still rules', async function () {
    this.timeout(30_000)
    for (const file of RULE_FILES) {
      const name = join(folder, file.replaceAll('/', '-'))
      const text = shortenedRules(readText(file))
      assert.doesNotMatch(text, /\[\d+[mhd]\]|^\s*(for|interval): \d+[mhd]$/m)
      await writeFile(name, text)
      await promtool('check', 'rules', name)
    }
  })

  it('every alert about the system fires for what it is about, and says what it has to', async function () {
    this.timeout(60_000)
    await promtool('test', 'rules', 'infra/prometheus/tests/system.yml')
  })

  for (const each of CASES) {
    it(`of every service level: ${each.name}`, async function () {
      this.timeout(240_000)
      const file = join(folder, 'levels.json')
      await writeFile(file, testFile(each, '1'))
      await promtool('test', 'rules', file)
    })
  }

  it('a second is a second, whether it was told as text or as OpenMetrics', async function () {
    this.timeout(120_000)
    const file = join(folder, 'levels.json')
    for (const each of [...CASES.slice(0, 1), ...CASES.slice(-1)]) {
      await writeFile(file, testFile(each, '1.0'))
      await promtool('test', 'rules', file)
    }
  })
})
