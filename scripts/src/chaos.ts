// `npm run chaos`: breaks a system of its own under load, and proves that no vote was lost and none counted
// twice. Exit status 0: nothing was found; 1: something was; 2: it could not be done. See CHAOS_USAGE.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CHAOS_USAGE, type ChaosOptions, parseChaosOptions } from './chaos/options.js'
import { levelWords, resultsMarkdown, resultsTable } from './chaos/results-table.js'
import { type ChaosResult, runChaos } from './chaos/run.js'
import { FAULTS } from './chaos/schedule.js'
import { raisedLimitsText } from './environment.js'

const DETAILS_SHOWN_MAX = 10
const DETAIL_LENGTH_MAX = 400

const run = async (options: ChaosOptions): Promise<number> => {
  const { seed, durationMs, count, keep, json } = options
  const say = (line: string) => console.error(line)
  const interrupted = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort())
  const folder = await mkdtemp(join(tmpdir(), 'votestream-chaos-'))
  const extent = count === undefined ? `for ${durationMs / 60_000} minutes` : `of ${count} faults`
  say(raisedLimitsText())
  say(`Chaos ${extent} with --seed ${seed}, in ${folder}`)
  const result = await runChaos({ ...options, folder, say, signal: interrupted.signal })
  const { violations } = result
  await writeFile(join(folder, 'result.json'), JSON.stringify(result, undefined, 2))
  console.log(json ? JSON.stringify(result) : text(result, options))
  if (violations.length === 0 && !keep) await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  else say(`Ledger, logs and data: ${folder}`)
  return violations.length === 0 ? 0 : 1
}

const text = (result: ChaosResult, { markdown }: ChaosOptions): string => {
  const { seed, rows, violations, answers, boards, notSent, deaths, leftOut } = result
  const counts = new Map<string, number>()
  for (const { what } of violations) counts.set(what, (counts.get(what) ?? 0) + 1)
  return [
    '',
    markdown ? resultsMarkdown(rows) : resultsTable(rows),
    '',
    `Seed ${seed}. Answers: ${Object.entries(answers)
      .map(([status, count]) => `${count} × ${status}`)
      .join(', ')}. Boards seen: ${boards}. Not sent: ${notSent}.`,
    `Died by themselves and came back: ${deaths.length === 0 ? 'none' : deaths.join(', ')}.`,
    levelWords('Acknowledged', result.acknowledged),
    levelWords('Shown', result.shown),
    ...(leftOut.length === 0 ? [] : [`Left out: ${leftOut.join(', ')}.`]),
    ...[...counts].map(([what, count]) => `${count} × ${what}`),
    ...violations
      .slice(0, DETAILS_SHOWN_MAX)
      .map(({ what, detail }) => `  ${what}: ${detail.slice(0, DETAIL_LENGTH_MAX)}`),
    violations.length === 0
      ? 'No vote was lost, none was counted twice, nobody was locked out, and the books balance.'
      : `${violations.length} violations.`,
  ].join('\n')
}

try {
  const options = parseChaosOptions(process.argv.slice(2), () => Math.floor(Math.random() * 2 ** 31))
  if (options.kind === 'help') console.log(CHAOS_USAGE)
  else if (options.kind === 'list') console.log(FAULTS.join('\n'))
  else process.exitCode = await run(options)
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 2
}
