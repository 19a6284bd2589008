// Runs the test files that it is given in one mocha run, and tells the process that started it how they went.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import Mocha from 'mocha'

// Ending by `exit` lets tests' servers be ended by their hooks; the default for a signal would not.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1))

const configuration = JSON.parse(readFileSync(join(repositoryRoot(), '.mocharc.json'), 'utf8'))
const grep = process.argv.find((argument) => argument.startsWith('--grep='))?.slice('--grep='.length)
const mocha = new Mocha({
  timeout: configuration.timeout,
  forbidOnly: configuration.forbidOnly,
  color: process.stdout.isTTY === true,
  ...(grep === undefined ? {} : { grep }),
})
for (const file of process.argv.slice(2)) {
  if (!file.startsWith('--')) mocha.addFile(file)
}
await mocha.loadFilesAsync()
const failedFiles = new Set<string>()
const runner = mocha.run((failures) => {
  const { passes = 0 } = runner.stats ?? {}
  process.exitCode = failures > 0 ? 1 : 0
  process.send?.({ passed: passes, failed: failures, failedFiles: [...failedFiles] })
})
runner.on('fail', ({ file }) => {
  if (file !== undefined) failedFiles.add(file)
})
