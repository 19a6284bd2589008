// `npm test [-- <part of a file name> … --grep=<part of a test name>]`: format, lint, types (by the build on
// the way here) and every test, against real servers on free ports and temporary folders.

import { spawn } from 'node:child_process'
import { join, relative } from 'node:path'
import { findServer } from '@votestream/infra/servers/find-server'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import { natsRequirement, redisRequirement } from '@votestream/infra/servers/server-source'
import { z } from 'zod'
import { variablesForTests } from './environment.js'
import { type RunTests, type TestOutcome, withSecondTry } from './second-try.js'
import { findTestFiles } from './test-files.js'

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
// Whoever asks for a few files wants to see them fail.
const run: RunTests = (these) => runTests(these, flags)
const outcome = patterns.length === 0 ? await withSecondTry(run, files) : await run(files)
if (outcome === undefined) faults.push('The test run broke off.')
else if (outcome.passed + outcome.failed === 0) faults.push('No test ran.')
for (const file of outcome?.unsteadyFiles ?? []) {
  process.stdout.write(`Unsteady, to be looked into: ${relative(root, file)}\n`)
}
for (const fault of faults) process.stdout.write(`${fault}\n`)
const { passed, failed } = outcome ?? { passed: 0, failed: 1 }
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

/** Undefined when the run ended without a result: a test file that cannot be loaded, a crash, a signal. */
async function runTests(
  testFiles: readonly string[],
  extra: readonly string[],
): Promise<TestOutcome | undefined> {
  const run = join(root, 'scripts/dist/src/test-run.js')
  const child = spawn(process.execPath, ['--enable-source-maps', run, ...extra, ...testFiles], {
    cwd: root,
    // Nothing of it may lead a test to the servers or the data of a system that runs on this machine.
    env: variablesForTests(),
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const forward = (signal: NodeJS.Signals) => child.kill(signal)
  process.on('SIGINT', forward)
  process.on('SIGTERM', forward)
  let result: TestOutcome | undefined
  let lingering: NodeJS.Timeout | undefined
  child.on('message', (message) => {
    result = outcomeSchema.parse(message)
    lingering = setTimeout(() => {
      faults.push(`The tests left something running ${lingerMsMax / 1000} s after the last one.`)
      child.kill('SIGTERM')
    }, lingerMsMax)
  })
  await new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  clearTimeout(lingering)
  process.off('SIGINT', forward)
  process.off('SIGTERM', forward)
  return result
}
