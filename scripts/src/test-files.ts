import { readdirSync } from 'node:fs'
import { join, relative } from 'node:path'

/**
 * The compiled test files, found by their sources: what is left in `dist` of a source that was removed does
 * not run. Unit tests come first, they are the quickest to say that something is wrong.
 */
export function findTestFiles(root: string, patterns: readonly string[]): string[] {
  const files = packageFolders(root).flatMap((folder) => {
    const test = join(root, folder, 'test')
    return readFolder(test).map((name) => relative(root, join(test, name)))
  })
  return files
    .filter((file) => file.endsWith('.test.ts'))
    .filter((file) => patterns.length === 0 || patterns.some((pattern) => file.includes(pattern)))
    .sort((a, b) => Number(isUnit(b)) - Number(isUnit(a)) || a.localeCompare(b))
    .map((file) => join(root, compiledName(file)))
}

/** `infra/test/unit/x.test.ts` is compiled to `infra/dist/test/unit/x.test.js`. */
export function compiledName(source: string): string {
  return source.replace(/^([^/]+)\/test\//, '$1/dist/test/').replace(/\.ts$/, '.js')
}

function isUnit(file: string): boolean {
  return /^[^/]+\/test\/unit\//.test(file)
}

function packageFolders(root: string): string[] {
  return readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.') && entry.name !== 'node_modules')
    .map((entry) => entry.name)
}

function readFolder(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' })
  } catch {
    // A package without tests.
    return []
  }
}
