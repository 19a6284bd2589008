import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { copyFile, mkdir, readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import type { PrivateApt } from './apt-private.js'

const run = promisify(execFile)

export interface LibraryWork {
  readonly apt: PrivateApt
  /** The packages whose libraries are looked for. */
  readonly packages: readonly string[]
  readonly home: string
  readonly workFolder: string
}

/**
 * Copies exactly the libraries that the dynamic loader misses into `libraries` below the home: the system's own
 * are left in charge. Undefined when none is missing.
 */
export async function addLibraries(path: string, work: LibraryWork): Promise<string | undefined> {
  const libraries = join(work.home, 'libraries')
  if ((await missingLibraries(path, libraries)).length === 0) return undefined
  const unpacked = join(work.workFolder, 'libraries')
  const packages = new Set<string>()
  for (const name of work.packages) {
    for (const library of await work.apt.libraries(name)) packages.add(library)
  }
  await work.apt.unpack([...packages], unpacked)
  const files = new Map<string, string>()
  for (const entry of await readdir(unpacked, { recursive: true, withFileTypes: true })) {
    if (!entry.isDirectory()) files.set(entry.name, join(entry.parentPath, entry.name))
  }
  await mkdir(libraries, { recursive: true })
  // A library may need another one; each round copies at least one, or gives up.
  for (;;) {
    const missing = await missingLibraries(path, libraries)
    if (missing.length === 0) return libraries
    for (const name of missing) {
      const file = files.get(name)
      if (file === undefined || existsSync(join(libraries, name))) {
        throw new Error(`the library ${name} is missing or does not fit`)
      }
      await copyFile(file, join(libraries, name))
    }
  }
}

async function missingLibraries(path: string, libraryFolder: string): Promise<string[]> {
  const env = { ...process.env, LC_ALL: 'C', LD_LIBRARY_PATH: libraryFolder }
  // A static program makes ldd fail; it misses nothing.
  const { stdout, stderr } = await run('ldd', [path], { env }).catch(() => ({ stdout: '', stderr: '' }))
  const absent = [...stdout.matchAll(/^\s*(\S+) => not found/gm)].map((match) => match[1] ?? '')
  const tooOld = [...`${stdout}${stderr}`.matchAll(/(\S+\.so\S*): version `[^']*' not found/g)]
    .map((match) => basename(match[1] ?? ''))
    // The C library cannot be brought along: the loader and it are one piece.
    .filter((name) => !/^(libc|libm|ld-linux)\b/.test(name))
  return [...new Set([...absent, ...tooOld])]
}
