import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, gzip } from 'node:zlib'
import { defineConfig, type Plugin } from 'vite'

export default defineConfig({
  base: '/',
  plugins: [compressedSiblings()],
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2022',
    // A file inlined as a data address would need a wider content security policy.
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    // Its polyfill is only for browsers that are older than `target`.
    modulePreload: { polyfill: false },
  },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
})

/** Beside each text its compressed forms, so that the gateway compresses nothing while it takes votes. */
function compressedSiblings(): Plugin {
  return {
    name: 'compressed-siblings',
    apply: 'build',
    async writeBundle({ dir = '' }, bundle) {
      const texts = Object.keys(bundle).filter((name) => /\.(js|css|html)$/.test(name))
      await Promise.all(
        texts.map(async (name) => {
          const file = join(dir, name)
          const text = await readFile(file)
          await writeFile(`${file}.br`, await promisify(brotliCompress)(text))
          await writeFile(`${file}.gz`, await promisify(gzip)(text, { level: 9 }))
        }),
      )
    },
  }
}
