// `npm start`: the whole system on this machine, until Ctrl-C or SIGTERM.

import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import { inheritedVariables, isRunByNpm, readEnvironment } from './environment.js'
import { type RunningSystem, startSystem } from './system.js'

const stopping = new AbortController()
const say = (line: string) => process.stdout.write(`${line}\n`)
const parentLookIntervalMs = 250

const beginStop = (reason: string) => {
  // A second signal finds the stop under way and changes nothing: its end is bounded anyway.
  if (stopping.signal.aborted) return
  say(`Stopping (${reason}) …`)
  stopping.abort()
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => beginStop(signal))
if (isRunByNpm()) {
  // An npm that is killed outright hands on no signal: its child is given to another parent, and that is seen.
  const parent = process.ppid
  setInterval(() => {
    if (process.ppid !== parent) beginStop('npm is gone')
  }, parentLookIntervalMs).unref()
}
// A reader that went away (`npm start | head`) must not take the system with it.
process.stdout.on('error', () => undefined)
process.stderr.on('error', () => undefined)

let system: RunningSystem | undefined
try {
  const root = repositoryRoot()
  const environment = readEnvironment(root)
  system = await startSystem({
    root,
    environment,
    variables: inheritedVariables(),
    signal: stopping.signal,
    say,
  })
  await new Promise<void>((resolve) => {
    if (stopping.signal.aborted) resolve()
    else stopping.signal.addEventListener('abort', () => resolve(), { once: true })
  })
  await system.stop()
  say('Stopped.')
} catch (error) {
  // A start that was interrupted has undone itself; that is what was asked for, and no failure.
  if (!stopping.signal.aborted) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  } else {
    say('Stopped.')
  }
}
// Nothing of ours is left; a stray handle (a download's, say) must not keep the terminal waiting.
process.exit()
