// The way into every command: `node scripts/bootstrap.mjs <command> [arguments]`. It brings the workspace up
// to date (the pinned pnpm, the dependencies, the build) and then runs `scripts/dist/src/<command>.js` in this
// same process, so that signals and the exit status are the command's own. It needs Node and npm alone, says
// nothing when nothing is to do, and speaks on stderr: stdout belongs to the command.

import { spawn } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const marker = join(root, 'node_modules', '.votestream-installed')
const lock = join(root, '.servers', 'bootstrap.lock')
const breakingStaleAfterMs = 10_000

const [command, ...commandArguments] = process.argv.slice(2)
checkNode()
checkCommand()
await bringUpToDate()
await runCommand()

function checkNode() {
  const wanted = /(\d+)\.(\d+)/.exec(manifest.engines.node)
  const running = /^v(\d+)\.(\d+)/.exec(process.version)
  const [major, minor] = [Number(running[1]) - Number(wanted[1]), Number(running[2]) - Number(wanted[2])]
  if (major > 0 || (major === 0 && minor >= 0)) return
  fail(`Votestream needs Node ${wanted[0]} or newer, and this is ${process.version}.`)
}

function checkCommand() {
  if (command !== undefined && /^[a-z][a-z-]*$/.test(command)) return
  fail('Usage: node scripts/bootstrap.mjs <command> [arguments]')
}

/**
 * Installing and building are done by one process at a time. If it dies in the middle, the marker is not
 * there yet, so the next one installs again; an interrupted build is finished by the next one as well, because
 * the compiler writes its own record of a package after the package's files.
 */
async function bringUpToDate() {
  await takeLock()
  try {
    const fingerprint = dependenciesFingerprint()
    if (readOrUndefined(marker) !== fingerprint) {
      await installDependencies()
      writeFileSync(`${marker}.new`, fingerprint)
      renameSync(`${marker}.new`, marker)
    }
    const fresh = !existsSync(join(root, 'scripts', 'dist'))
    if (fresh) say('Building …')
    await runChild('The build', process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-b'])
    await buildPage()
  } finally {
    releaseLock()
  }
}

/** The live page. Its marker is written last, so an interrupted build is done again. */
async function buildPage() {
  const page = join(root, 'gateway', 'web')
  const built = join(page, 'dist', '.votestream-built')
  const fingerprint = pageFingerprint(page)
  if (readOrUndefined(built) === fingerprint) return
  const vite = join(root, 'gateway/node_modules/vite/bin/vite.js')
  await runChild('The build of the page', process.execPath, [vite, 'build', '--logLevel', 'warn', page])
  writeFileSync(built, fingerprint)
}

/** What the built page follows from: its sources, and what is installed. */
function pageFingerprint(page) {
  const hash = createHash('sha256')
  hash.update(readOrUndefined(marker) ?? '')
  const names = readdirSync(page, { recursive: true, encoding: 'utf8' })
  for (const name of names.sort()) {
    if (/^(dist|dist-types)(\/|$)|\.tsbuildinfo$/.test(name)) continue
    const path = join(page, name)
    if (statSync(path).isFile()) hash.update(`${name}\n`).update(readFileSync(path)).update('\n')
  }
  return hash.digest('hex')
}

/** What an installation follows from: the lock file, every package.json, and the Node it was made for. */
function dependenciesFingerprint() {
  const hash = createHash('sha256')
  hash.update(`${process.version.split('.')[0]} ${process.platform} ${process.arch}\n`)
  const folders = readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.') && entry.name !== 'node_modules')
    .map((entry) => join(entry.name, 'package.json'))
    .sort()
  for (const name of ['pnpm-lock.yaml', 'pnpm-workspace.yaml', 'package.json', ...folders]) {
    hash.update(`${name}\n${readOrUndefined(join(root, name)) ?? ''}\n`)
  }
  return hash.digest('hex')
}

async function installDependencies() {
  const pnpm = manifest.packageManager.split('+')[0]
  say(`Installing the dependencies with ${pnpm} …`)
  const install = ['install', '--frozen-lockfile', '--reporter=append-only']
  const npm = npmCommand()
  // CI: never ask a question, nobody may be there to answer.
  const env = { ...process.env, CI: 'true' }
  delete env.npm_config_loglevel
  await runChild(
    'The installation',
    npm.command,
    [...npm.arguments, 'exec', '--yes', '--loglevel=error', `--package=${pnpm}`, '--', 'pnpm', ...install],
    env,
  )
}

/** The npm that runs this script, when one does; otherwise the one on PATH. */
function npmCommand() {
  const path = process.env.npm_execpath
  if (path !== undefined && /npm-cli\.[cm]?js$/.test(path)) {
    return { command: process.execPath, arguments: [path] }
  }
  return { command: 'npm', arguments: [] }
}

/** Runs a step with all its output on stderr. When this process is told to end, so is the step. */
async function runChild(what, file, args, env = process.env) {
  const child = spawn(file, args, { cwd: root, env, stdio: ['ignore', 2, 2] })
  let stopSignal
  const onSignal = (signal) => {
    stopSignal = signal
    child.kill('SIGTERM')
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  const outcome = await new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('exit', (code, signal) => resolve(code === 0 ? undefined : (signal ?? `exit status ${code}`)))
  })
  process.off('SIGINT', onSignal)
  process.off('SIGTERM', onSignal)
  if (stopSignal !== undefined) {
    releaseLock()
    process.exit(stopSignal === 'SIGINT' ? 130 : 143)
  }
  if (outcome !== undefined) {
    releaseLock()
    fail(`${what} failed (${outcome}).`)
  }
}

async function runCommand() {
  const file = join(root, 'scripts', 'dist', 'src', `${command}.js`)
  if (!existsSync(file)) fail(`There is no command "${command}".`)
  process.setSourceMapsEnabled(true)
  process.argv = [process.execPath, file, ...commandArguments]
  await import(pathToFileURL(file).href)
}

/**
 * The lock is a file that names its owner by process id and start time. It is stale when no process has both;
 * whoever finds it stale removes it while holding a second, momentary file, so that two finders cannot remove
 * each other's new lock. If a finder dies in that moment, its file is ignored after a while.
 */
async function takeLock() {
  mkdirSync(dirname(lock), { recursive: true })
  const mine = JSON.stringify({ pid: process.pid, startedAt: startOf(process.pid), id: randomUUID() })
  for (let waitedMs = 0; ; waitedMs += 100) {
    try {
      // Created by one process only, whoever else tries at the same moment.
      writeFileSync(lock, mine, { flag: 'wx' })
      return
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
    if (isStale(readOrUndefined(lock))) breakLock()
    if (waitedMs === 2_000) say('Waiting for another process that installs or builds …')
    await sleep(100)
  }
}

function isStale(text) {
  if (text === undefined) return false
  try {
    const owner = JSON.parse(text)
    return startOf(owner.pid) !== owner.startedAt
  } catch {
    // Half written: its owner is writing it, or died doing so.
    return Date.now() - modifiedAtMs(lock) > breakingStaleAfterMs
  }
}

function breakLock() {
  const breaking = `${lock}.breaking`
  try {
    writeFileSync(breaking, '', { flag: 'wx' })
  } catch {
    if (Date.now() - modifiedAtMs(breaking) > breakingStaleAfterMs) removeQuietly(breaking)
    return
  }
  try {
    if (isStale(readOrUndefined(lock))) removeQuietly(lock)
  } finally {
    removeQuietly(breaking)
  }
}

function releaseLock() {
  const text = readOrUndefined(lock)
  if (text === undefined) return
  try {
    if (JSON.parse(text).pid === process.pid) removeQuietly(lock)
  } catch {
    // Not ours, so not ours to remove.
  }
}

/** When a process started, in the system's own ticks; undefined-like `gone` when there is none. */
function startOf(pid) {
  const stat = readOrUndefined(`/proc/${pid}/stat`)
  if (stat !== undefined) return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  try {
    process.kill(pid, 0)
    // A system without /proc: alive is all that can be said.
    return existsSync('/proc/self/stat') ? 'gone' : 'alive'
  } catch {
    return 'gone'
  }
}

function modifiedAtMs(path) {
  try {
    return statSync(path).mtimeMs
  } catch {
    return Date.now()
  }
}

function readOrUndefined(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function removeQuietly(path) {
  try {
    unlinkSync(path)
  } catch {
    // Somebody else was faster.
  }
}

function say(line) {
  process.stderr.write(`${line}\n`)
}

function fail(sentence) {
  say(sentence)
  process.exit(1)
}
