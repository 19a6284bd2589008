// `npm test [-- <part of a file name> … --grep=<part of a test name>]`: format, lint, types (by the build on
// the way here) and every test, against real servers on free ports and temporary folders.

import { type ChildProcess, spawn } from 'node:child_process'
import { join, relative } from 'node:path'
import { findServer } from '@votestream/infra/servers/find-server'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import { natsRequirement, redisRequirement } from '@votestream/infra/servers/server-source'
import { z } from 'zod'
import { variablesForTests } from './environment.js'
import { type TestOutcome, withSecondTry } from './second-try.js'
import { findTestFiles } from './test-files.js'
import { added, planTests, type RunGroup, runInLanes, type TestGroup } from './test-lanes.js'

/** Most tests wait for servers most of the time. */
const LANES_MAX = 2

/** After its last test a run that does not end has left a server, a socket or a timer behind. */
const lingerMsMax = 15_000

const outcomeSchema = z.object({
  passed: z.number(),
  failed: z.number(),
  failedFiles: z.array(z.string()),
})

const root = repositoryRoot()
const patterns = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
const flags = process.argv.slice(2).filter((argument) => argument.startsWith('--'))

const faults: string[] = []
if (!(await checkStyle())) faults.push('Format or lint has faults: `npm run format` mends most of them.')
const files = findTestFiles(root, patterns)
await findServer(natsRequirement)
await findServer(redisRequirement)
const { together, alone } = planTests(files)
const lanes = Math.min(LANES_MAX, together.length)
/** Those that run. What ends this process ends them, and nothing more is begun. */
const running = new Set<ChildProcess>()
let isStopping = false
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    isStopping = true
    for (const child of running) child.kill(signal)
  })
}
const run: RunGroup = async (group) => (isStopping ? undefined : runTests(group))
const first = added(await runInLanes(together, lanes, run), await runInLanes(alone, 1, run))
const runAlone = (these: readonly string[]) =>
  runInLanes(
    these.map((file) => [file]),
    1,
    run,
  )
// Whoever asks for a few files wants to see them fail.
const outcome = patterns.length === 0 ? await withSecondTry(first, runAlone) : { ...first, unsteadyFiles: [] }
if (outcome.passed + outcome.failed === 0) faults.push('No test ran.')
for (const file of outcome.unsteadyFiles) {
  process.stdout.write(`Unsteady, to be looked into: ${relative(root, file)}\n`)
}
for (const fault of faults) process.stdout.write(`${fault}\n`)
const { passed, failed } = outcome
process.stdout.write(`${passed} passed, ${failed} failed\n`)
process.exitCode = faults.length > 0 || failed > 0 ? 1 : 0

async function checkStyle(): Promise<boolean> {
  const biome = join(root, 'node_modules/@biomejs/biome/bin/biome')
  const child = spawn(process.execPath, [biome, 'check', '--error-on-warnings', '.'], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => resolve(code === 0))
  })
}

/**
 * Undefined when the run ended without a result: a test file that cannot be loaded, a crash, a signal. What it says is told
 * when it has ended, so that the lanes do not talk at the same time.
 */
async function runTests(testFiles: TestGroup): Promise<TestOutcome | undefined> {
  const run = join(root, 'scripts/dist/src/test-run.js')
  const child = spawn(process.execPath, ['--enable-source-maps', run, ...flags, ...testFiles], {
    cwd: root,
    // Nothing of it may lead a test to the servers or the data of a system that runs on this machine.
    env: variablesForTests(),
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  const said: Buffer[] = []
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (bytes) => said.push(bytes))
  running.add(child)
  let result: TestOutcome | undefined
  let lingering: NodeJS.Timeout | undefined
  child.on('message', (message) => {
    result = outcomeSchema.parse(message)
    lingering = setTimeout(() => {
      faults.push(
        `${testFiles.join(', ')} left something running ${lingerMsMax / 1000} s after the last test.`,
      )
      child.kill('SIGTERM')
    }, lingerMsMax)
  })
  const beganMs = performance.now()
  await new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  clearTimeout(lingering)
  running.delete(child)
  const seconds = ((performance.now() - beganMs) / 1_000).toFixed(1)
  const name =
    testFiles.length === 1 ? relative(root, testFiles[0] ?? '') : `${testFiles.length} files of unit tests`
  process.stdout.write(`\n${name} (${seconds} s)\n${Buffer.concat(said)}`)
  return result
}
