import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type AptSource, debianMirror, parseDeb822Sources, parseOneLineSources } from './apt-sources.js'
import type { Suite } from './server-source.js'

const run = promisify(execFile)
const commandTimeoutMs = 300_000
const outputBytesMax = 64 * 1024 * 1024

/** apt with its own lists, cache and sources below one folder: it reads the system and changes nothing of it. */
export interface PrivateApt {
  /** The version that would be downloaded, or undefined when the suite has no such package. */
  candidate(packageName: string): Promise<string | undefined>
  /** Names of the libraries' packages that a package needs, directly or through others, itself excluded. */
  libraries(packageName: string): Promise<string[]>
  /** Downloads and unpacks packages into a folder, each file's hash checked against the signed lists. */
  unpack(packageNames: readonly string[], folder: string): Promise<void>
}

export interface PrivateAptOptions {
  readonly suite: Suite
  /** Where lists and downloads go; belongs to the caller alone, who removes it. */
  readonly folder: string
  /** Ends the commands that are running. */
  readonly signal?: AbortSignal
}

/** Throws an error with a person's reason when apt, its tools or a mirror are missing or do not answer. */
export async function createPrivateApt({ suite, folder, signal }: PrivateAptOptions): Promise<PrivateApt> {
  const configuration = join(folder, 'apt.conf')
  const env = { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' }
  const options = { env, cwd: folder, timeout: commandTimeoutMs, maxBuffer: outputBytesMax, signal }
  for (const path of [
    'state/lists/partial',
    'cache/archives/partial',
    'preferences',
    'sources',
    'downloads',
  ]) {
    await mkdir(join(folder, path), { recursive: true })
  }
  await writeFile(configuration, await privateConfiguration(suite, folder))
  // Read after the system's own configuration: proxies and credentials stay, what is said here goes before.
  const own = ['-c', configuration]
  await run('apt-get', [...own, 'update', '-q'], options)
  return {
    async candidate(packageName) {
      const { stdout } = await run('apt-cache', [...own, 'policy', packageName], options)
      const version = /^\s*Candidate:\s*(\S+)/m.exec(stdout)?.[1]
      return version === '(none)' ? undefined : version
    },
    async libraries(packageName) {
      const wanted = ['--recurse', '--no-recommends', '--no-suggests', '--no-conflicts', '--no-breaks']
      const more = ['--no-replaces', '--no-enhances', '--no-pre-depends']
      const { stdout } = await run('apt-cache', [...own, 'depends', ...wanted, ...more, packageName], options)
      // A line that starts at the margin names a package. The C library must stay the system's own: the
      // dynamic loader and it are one piece.
      const names = stdout.split('\n').filter((line) => /^lib[a-z0-9.+-]+$/.test(line))
      return [...new Set(names)].filter((name) => !/^libc6|^libc-|^libcrypt/.test(name))
    },
    async unpack(packageNames, target) {
      const downloads = join(folder, 'downloads')
      await run('apt-get', [...own, 'download', '-q', ...packageNames], { ...options, cwd: downloads })
      await mkdir(target, { recursive: true })
      for (const file of (await readdir(downloads)).filter((name) => name.endsWith('.deb'))) {
        const wanted = packageNames.some((name) => file.startsWith(`${name}_`))
        if (wanted) await run('dpkg-deb', ['-x', join(downloads, file), target], options)
      }
    },
  }
}

/** A pure reading of what to write; only the stable suite needs to know the machine's mirror. */
async function privateConfiguration(suite: Suite, folder: string): Promise<string> {
  const lines = [
    `Dir::State ${quote(join(folder, 'state'))};`,
    `Dir::Cache ${quote(join(folder, 'cache'))};`,
    `Dir::Etc::preferences ${quote(join(folder, 'no-preferences'))};`,
    `Dir::Etc::preferencesparts ${quote(join(folder, 'preferences'))};`,
    'Dir::State::status "/var/lib/dpkg/status";',
    'Acquire::Languages "none";',
    // The folder belongs to whoever runs this; apt's own user could not write into it.
    'APT::Sandbox::User "";',
    // Other parties' hooks (desktop notifications and the like) are about the system, not about this.
    '#clear APT::Update::Post-Invoke-Success;',
    '#clear APT::Update::Post-Invoke;',
    '#clear DPkg::Post-Invoke;',
  ]
  if (suite === 'stable') {
    const mirror = debianMirror(await systemSources())
    if (mirror === undefined) throw new Error('apt is not set up with a mirror of Debian')
    const keyring = mirror.keyring ?? systemKeyrings.find((path) => existsSync(path))
    const options = keyring === undefined ? '' : `[signed-by=${keyring}] `
    const file = join(folder, 'stable.list')
    await writeFile(file, `deb ${options}${mirror.uri} stable main\n`)
    lines.push(
      `Dir::Etc::sourcelist ${quote(file)};`,
      `Dir::Etc::sourceparts ${quote(join(folder, 'sources'))};`,
    )
  }
  return `${lines.join('\n')}\n`
}

const systemKeyrings = [
  '/usr/share/keyrings/debian-archive-keyring.pgp',
  '/usr/share/keyrings/debian-archive-keyring.gpg',
]

/** What this machine fetches its packages from, as apt itself is configured. */
async function systemSources(): Promise<AptSource[]> {
  const { stdout } = await run('apt-config', [
    'shell',
    ...['LIST', 'Dir::Etc::sourcelist/f', 'PARTS', 'Dir::Etc::sourceparts/d'],
  ])
  const list = /^LIST='(.*)'$/m.exec(stdout)?.[1]
  const parts = /^PARTS='(.*)'$/m.exec(stdout)?.[1]
  const sources: AptSource[] = []
  if (parts !== undefined && existsSync(parts)) {
    for (const name of (await readdir(parts)).sort()) {
      const text = () => readFile(join(parts, name), 'utf8')
      if (name.endsWith('.sources')) sources.push(...parseDeb822Sources(await text()))
      if (name.endsWith('.list')) sources.push(...parseOneLineSources(await text()))
    }
  }
  if (list !== undefined && existsSync(list))
    sources.push(...parseOneLineSources(await readFile(list, 'utf8')))
  return sources
}

function quote(path: string): string {
  return `"${path}"`
}
