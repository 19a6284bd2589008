import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Browser, chromium } from 'playwright-core'
import { searchFolders } from '../environment.js'

const run = promisify(execFile)

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome']

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Chromium without a window; it is looked for first, and installed where that can be done. */
export async function openChromium(onProgress: (line: string) => void = sayOnStderr): Promise<Browser> {
  const executablePath = await findChromium(onProgress)
  return chromium.launch({ executablePath, headless: true, args: FLAGS })
}

/**
 * The program of a Chromium on PATH. Missing, it is installed as a package of the system where this process may
 * do so: with its hundred libraries it is no program to unpack beside us. Throws a sentence otherwise.
 */
export async function findChromium(onProgress: (line: string) => void): Promise<string> {
  const found = onPath(NAMES)
  if (found !== undefined) return found
  const apt = onPath(['apt-get'])
  if (apt !== undefined && process.getuid?.() === 0) {
    onProgress('Installing chromium with apt-get …')
    await install(apt).catch((cause: unknown) => {
      throw new Error(`${MISSING} (apt-get could not install it.)`, { cause })
    })
    const installed = onPath(NAMES)
    if (installed !== undefined) return installed
  }
  throw new Error(MISSING)
}

const MISSING =
  'The tests of the page need Chromium on PATH: install it (Debian: apt-get install chromium), ' +
  'or leave these tests out with VOTESTREAM_SKIP_BROWSER=1.'

async function install(apt: string): Promise<void> {
  const options = { env: { PATH: searchFolders().join(':'), DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' } }
  const attempt = () => run(apt, ['install', '--yes', '--no-install-recommends', 'chromium'], options)
  // A machine that is fresh knows no packages yet.
  await attempt().catch(async () => {
    await run(apt, ['update'], options)
    await attempt()
  })
}

function onPath(names: readonly string[]): string | undefined {
  for (const name of names) {
    const folder = searchFolders().find((each) => existsSync(join(each, name)))
    if (folder !== undefined) return join(folder, name)
  }
  return undefined
}

function sayOnStderr(line: string): void {
  process.stderr.write(`${line}\n`)
}
