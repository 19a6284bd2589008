import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, delimiter, join, relative } from 'node:path'
import { promisify } from 'node:util'
import { createPrivateApt, type PrivateApt } from './apt-private.js'
import { repositoryRoot } from './repository-root.js'
import {
  type Candidate,
  chooseServer,
  type ServerFacts,
  type ServerRequirement,
  type Suite,
} from './server-source.js'
import { addLibraries } from './shared-libraries.js'
import { compareVersions, formatVersion, isAtLeast, parseVersion, type Version } from './version.js'

const run = promisify(execFile)

/** A server's program that runs here and is new enough. */
export interface ServerBinary {
  readonly path: string
  readonly version: Version
  /** A folder of shared libraries that the system lacks; goes into LD_LIBRARY_PATH. */
  readonly libraryFolder: string | undefined
  readonly source: 'path' | 'unpacked'
}

export interface FindServerOptions {
  /** Where fetched servers are kept; by default `.servers` in the workspace. */
  readonly serversFolder?: string
  /** Hears about steps that take a while. By default they go to stderr. */
  readonly onProgress?: (line: string) => void
  /** The folders to look in first; by default PATH and the system's folders for servers. */
  readonly path?: readonly string[]
  /** Aborts a fetch that is under way. */
  readonly signal?: AbortSignal
}

/**
 * The program of a server, fetched if need be. Fetched ones are kept in `.servers/<name>-<version>`, complete
 * from the moment that folder exists: two processes may look for the same server at the same time.
 * Throws an error that says what to install where none can be had.
 */
export async function findServer(
  requirement: ServerRequirement,
  options: FindServerOptions = {},
): Promise<ServerBinary> {
  const folder = options.serversFolder ?? join(repositoryRoot(), '.servers')
  const onProgress = options.onProgress ?? ((line) => process.stderr.write(`${line}\n`))
  const onPath = await findOnPath(requirement, options.path ?? searchPath())
  const unpacked = await findUnpacked(requirement, folder)
  const apts = new Map<Suite, PrivateApt>()
  const candidates: Record<Suite, Candidate> = {
    distribution: { state: 'unasked' },
    stable: { state: 'unasked' },
  }
  let workFolder: string | undefined
  try {
    // Each round either answers or learns one of the two candidates, so there are at most four.
    for (;;) {
      const facts: ServerFacts = { onPath: onPath?.version, unpacked: unpacked?.version, candidates }
      const choice = chooseServer(requirement, facts)
      if (choice.kind === 'path' && onPath !== undefined) return onPath
      if (choice.kind === 'unpacked' && unpacked !== undefined) return unpacked
      if (choice.kind === 'none') throw new Error(choice.explanation)
      workFolder ??= await makeWorkFolder(folder)
      if (choice.kind === 'ask') {
        const suite = choice.suite
        onProgress(`Looking for ${requirement.name} in ${suiteNames[suite]} …`)
        const aptFolder = join(workFolder, suite)
        candidates[suite] = await askCandidate(requirement, {
          suite,
          folder: aptFolder,
          apts,
          signal: options.signal,
        })
        options.signal?.throwIfAborted()
      }
      if (choice.kind === 'fetch') {
        const apt = apts.get(choice.suite)
        if (apt === undefined) throw new Error(`No apt for ${choice.suite}`)
        onProgress(`Fetching ${requirement.name} from ${suiteNames[choice.suite]} …`)
        const fetched = await fetchServer(requirement, { apt, workFolder, folder }).catch((cause: Error) => {
          candidates[choice.suite] = { state: 'unavailable', reason: firstLine(cause) }
        })
        if (fetched !== undefined) return fetched
        options.signal?.throwIfAborted()
      }
    }
  } finally {
    if (workFolder !== undefined) await rm(workFolder, { recursive: true, force: true })
  }
}

/** How a found server is started: its LD_LIBRARY_PATH, and a locale that every machine has. */
export function serverEnvironment(binary: ServerBinary): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = { PATH: process.env.PATH, LC_ALL: 'C' }
  if (binary.libraryFolder !== undefined) environment.LD_LIBRARY_PATH = binary.libraryFolder
  return environment
}

const suiteNames: Record<Suite, string> = {
  distribution: "this system's packages",
  stable: "Debian stable's packages",
}

/** PATH, and where distributions put servers that an ordinary user's PATH leaves out. */
function searchPath(): string[] {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '')
  return [...folders, '/usr/local/sbin', '/usr/sbin']
}

async function findOnPath(
  requirement: ServerRequirement,
  path: readonly string[],
): Promise<ServerBinary | undefined> {
  let best: ServerBinary | undefined
  for (const folder of new Set(path)) {
    const binary = join(folder, requirement.name)
    if (!existsSync(binary)) continue
    const version = await versionOf(requirement, binary, undefined).catch(() => undefined)
    if (version === undefined) continue
    const found: ServerBinary = { path: binary, version, libraryFolder: undefined, source: 'path' }
    if (isAtLeast(version, requirement.minimum)) return found
    best ??= found
  }
  return best
}

async function findUnpacked(
  requirement: ServerRequirement,
  folder: string,
): Promise<ServerBinary | undefined> {
  if (!existsSync(folder)) return undefined
  const found: ServerBinary[] = []
  for (const name of await readdir(folder)) {
    if (name.startsWith(`${requirement.name}-`)) {
      const binary = await readUnpacked(requirement, join(folder, name))
      if (binary !== undefined) found.push(binary)
    }
  }
  return found.sort((a, b) => compareVersions(b.version, a.version))[0]
}

async function readUnpacked(requirement: ServerRequirement, home: string): Promise<ServerBinary | undefined> {
  const { name } = requirement
  const version = parseVersion(basename(home).slice(name.length + 1))
  const path = binaryFolders.map((folder) => join(home, folder, name)).find((file) => existsSync(file))
  if (version === undefined || path === undefined) return undefined
  const libraries = join(home, 'libraries')
  const libraryFolder = existsSync(libraries) ? libraries : undefined
  // A binary that was damaged since is fetched anew instead of being started.
  const runs = await versionOf(requirement, path, libraryFolder).catch(() => undefined)
  return runs && { path, version, libraryFolder, source: 'unpacked' }
}

const binaryFolders = ['usr/sbin', 'usr/bin', 'sbin', 'bin']

const fetchingPrefix = '.fetching-'
const fetchingStaleMs = 24 * 60 * 60 * 1000

async function ageMs(path: string): Promise<number> {
  const found = await stat(path).catch(() => undefined)
  return found === undefined ? 0 : Date.now() - found.mtimeMs
}

async function makeWorkFolder(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true })
  for (const name of await readdir(folder)) {
    // Left by a process that was killed while fetching; a fetch that is alive is much younger.
    const stale = name.startsWith(fetchingPrefix) && (await ageMs(join(folder, name))) > fetchingStaleMs
    if (stale) await rm(join(folder, name), { recursive: true, force: true })
  }
  return mkdtemp(join(folder, fetchingPrefix))
}

interface AskOptions {
  readonly suite: Suite
  readonly folder: string
  readonly apts: Map<Suite, PrivateApt>
  readonly signal: AbortSignal | undefined
}

async function askCandidate(
  requirement: ServerRequirement,
  { suite, folder, apts, signal }: AskOptions,
): Promise<Candidate> {
  const [packageName = requirement.name] = requirement.packages
  try {
    if (process.platform !== 'linux') return { state: 'unavailable', reason: 'only on Debian and Ubuntu' }
    await mkdir(folder, { recursive: true })
    const apt = await createPrivateApt({ suite, folder, ...(signal === undefined ? {} : { signal }) })
    apts.set(suite, apt)
    const text = await apt.candidate(packageName)
    const version = text === undefined ? undefined : parseVersion(text)
    if (version === undefined) return { state: 'unavailable', reason: `no package ${packageName}` }
    return { state: 'available', version }
  } catch (cause) {
    const missing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'
    return { state: 'unavailable', reason: missing ? 'only on Debian and Ubuntu' : firstLine(cause) }
  }
}

/**
 * Unpacks a server below the work folder, gives it the libraries it lacks, sees it run, and only then moves
 * it to its place. If the process dies before the move, a `.fetching-` folder stays that nobody reads; after
 * it, the server is there.
 */
async function fetchServer(
  requirement: ServerRequirement,
  { apt, workFolder, folder }: { apt: PrivateApt; workFolder: string; folder: string },
): Promise<ServerBinary> {
  const home = join(workFolder, 'home')
  await rm(home, { recursive: true, force: true })
  await apt.unpack(requirement.packages, home)
  const path = binaryFolders.map((bin) => join(home, bin, requirement.name)).find((file) => existsSync(file))
  if (path === undefined) throw new Error(`the package holds no ${requirement.name}`)
  const libraryFolder = await addLibraries(path, { apt, packages: requirement.packages, home, workFolder })
  const version = await versionOf(requirement, path, libraryFolder)
  if (!isAtLeast(version, requirement.minimum)) throw new Error(`the package holds ${formatVersion(version)}`)

  const place = join(folder, `${requirement.name}-${formatVersion(version)}`)
  await rename(home, place).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error
    // Somebody else fetched the same version meanwhile; theirs is as good, unless it is what was found damaged.
    if ((await readUnpacked(requirement, place)) !== undefined) return
    await rm(place, { recursive: true, force: true })
    await rename(home, place)
  })
  const binary = await readUnpacked(requirement, place)
  if (binary === undefined)
    throw new Error(`${relative(folder, place)} is not complete; remove it and try again`)
  return binary
}

async function versionOf(
  { versionArgument = '-v' }: ServerRequirement,
  path: string,
  libraryFolder: string | undefined,
): Promise<Version> {
  const env: NodeJS.ProcessEnv = { PATH: process.env.PATH, LC_ALL: 'C' }
  if (libraryFolder !== undefined) env.LD_LIBRARY_PATH = libraryFolder
  const { stdout, stderr } = await run(path, [versionArgument], { env, timeout: 10_000 })
  // Some say it on stderr.
  const version = parseVersion(stdout) ?? parseVersion(stderr)
  if (version === undefined) throw new Error(`${path} ${versionArgument} does not name a version`)
  return version
}

function firstLine(cause: unknown): string {
  const text = cause instanceof Error ? (stderrOf(cause) ?? cause.message) : String(cause)
  return (text.split('\n').find((line) => line.trim() !== '') ?? 'unknown error').trim()
}

/** A failed command's own words say more than "Command failed". */
function stderrOf(cause: Error): string | undefined {
  return 'stderr' in cause && typeof cause.stderr === 'string' && cause.stderr !== ''
    ? cause.stderr
    : undefined
}
