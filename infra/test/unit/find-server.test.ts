import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findServer } from '../../src/servers/find-server.js'
import { natsRequirement, prometheusRequirement } from '../../src/servers/server-source.js'

describe('a server that needs no fetching', () => {
  let folder: string

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'votestream-find-'))
  })

  afterEach(() => rmSync(folder, { recursive: true }))

  /** A program that knows its version and nothing else. */
  function program(path: string, version: string): string {
    mkdirSync(join(folder, path), { recursive: true })
    const file = join(folder, path, 'nats-server')
    writeFileSync(file, `#!/bin/sh\necho 'nats-server: v${version}'\n`)
    chmodSync(file, 0o755)
    return file
  }

  const find = (path: readonly string[]) =>
    findServer(natsRequirement, {
      serversFolder: join(folder, 'servers'),
      path: path.map((name) => join(folder, name)),
      onProgress: (line) => assert.fail(`Nothing should be fetched: ${line}`),
    })

  it('is the first one on PATH that is new enough; an older one before it is passed over', async () => {
    program('old', '2.9.10')
    const right = program('right', '2.10.23')
    program('later', '2.12.0')
    const found = await find(['old', 'right', 'later'])
    assert.equal(found.path, right)
    assert.deepEqual([found.source, found.version, found.libraryFolder], ['path', [2, 10, 23], undefined])
  })

  it('is the newest one that was unpacked before and runs, with the libraries it came with', async () => {
    program('old', '2.9.10')
    program('servers/nats-server-2.10.25/usr/sbin', '2.10.25')
    const newest = program('servers/nats-server-2.11.0/usr/sbin', '2.11.0')
    writeFileSync(program('servers/nats-server-2.12.0/usr/sbin', '2.12.0'), 'damaged')
    mkdirSync(join(folder, 'servers/nats-server-2.11.0/libraries'))
    mkdirSync(join(folder, 'servers/.fetching-half/usr/sbin'), { recursive: true })
    const found = await find(['old', 'nowhere'])
    assert.equal(found.path, newest)
    assert.equal(found.libraryFolder, join(folder, 'servers/nats-server-2.11.0/libraries'))
  })

  it('is asked for its version in its own way, and may answer on stderr', async () => {
    const file = join(folder, 'prometheus')
    writeFileSync(
      file,
      '#!/bin/sh\n[ "$1" = --version ] || exit 1\necho "prometheus, version 2.53.1 (branch: HEAD)" >&2\n',
    )
    chmodSync(file, 0o755)
    const found = await findServer(prometheusRequirement, {
      serversFolder: join(folder, 'servers'),
      path: [folder],
      onProgress: (line) => assert.fail(`Nothing should be fetched: ${line}`),
    })
    assert.deepEqual([found.path, found.version], [file, [2, 53, 1]])
  })
})
