// `npm run synthetic`: casts canary votes by the clock, watches them come onto a live board, and says whether the service
// levels hold. See SYNTHETIC_USAGE.

import { createMetrics, startHealthServer } from '@votestream/infra/health-server'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import { addressesOf } from './addresses.js'
import { readEnvironment } from './environment.js'
import { type CrowdSource, crowdFromFile, ownCrowd } from './synthetic/crowd.js'
import { createProbeMetrics } from './synthetic/metrics.js'
import { SYNTHETIC_OPERATIONS } from './synthetic/operations.js'
import { parseSyntheticCommand, SYNTHETIC_USAGE, type SyntheticCommand } from './synthetic/options.js'
import { createProber } from './synthetic/prober.js'
import { roundMs } from './synthetic/schedule.js'
import { verdictLine, type WindowVerdict } from './synthetic/verdict.js'

/** Tokens outlast the last check of their event, and what comes before its first one. */
const TOKENS_LAST_LONGER_SECONDS = 3_600

const say = (line: string): void => console.error(line)

const crowdFor = (command: SyntheticCommand): Promise<CrowdSource> => {
  const { votersFile, pace } = command
  if (votersFile !== undefined) return Promise.resolve(crowdFromFile(votersFile, pace.checks))
  const tokenSeconds = Math.ceil(roundMs(pace) / 1_000) + TOKENS_LAST_LONGER_SECONDS
  return ownCrowd(readEnvironment(repositoryRoot()), pace.checks, tokenSeconds)
}

const tell = (verdict: WindowVerdict, isJson: boolean): void => {
  const line = verdictLine(verdict)
  console.log(isJson ? JSON.stringify({ at: new Date().toISOString(), ...verdict }) : line)
  if (!verdict.isPassed) say(`synthetic check: ${line}`)
}

const run = async (command: SyntheticCommand): Promise<boolean> => {
  const { url = addressesOf(readEnvironment(repositoryRoot())).gatewayUrl } = command
  const ended = new AbortController()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => ended.abort())
  const registry = createMetrics()
  const prober = createProber({
    ...command,
    url,
    crowd: await crowdFor(command),
    metrics: createProbeMetrics(registry),
    onVerdict: (verdict) => tell(verdict, command.isJson),
    say,
    signal: ended.signal,
  })
  const health = await startHealthServer({
    port: command.metricsPort,
    host: command.metricsHost,
    registry,
    missing: prober.missing,
  })
  say(`Checks of ${url}; http://${health.host}:${health.port}/metrics`)
  try {
    return await prober.run()
  } finally {
    await health.stop()
  }
}

try {
  const command = parseSyntheticCommand(process.argv.slice(2))
  if (command === 'help') console.log(SYNTHETIC_USAGE)
  else if (command === 'operations') console.log(SYNTHETIC_OPERATIONS)
  // Without an end of its own it is a service: what failed was told when it did, and a stop is no failure.
  else if (!(await run(command)) && command.rounds !== null) process.exitCode = 1
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
  process.exitCode = 2
}
