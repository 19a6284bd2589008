import assert from 'node:assert/strict'
import { appendFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mountSmallDisk, type SmallDisk } from '../../src/servers/small-disk.js'

const DISK_BYTES = 4 * 1024 * 1024

describe('a small disk', () => {
  let folder: string
  let disk: SmallDisk | undefined
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'votestream-disk-'))
    disk = mountSmallDisk(join(folder, 'data'), DISK_BYTES)
  })
  after(() => {
    disk?.unmount()
    rmSync(folder, { recursive: true, force: true })
  })

  it('takes nothing more while it is full, whatever is deleted, and takes it again when it is freed', async function () {
    // Where mounting is not permitted, chaos leaves the fault out.
    if (!disk) return this.skip()
    const file = join(folder, 'data', 'file')
    const written = () => {
      try {
        appendFileSync(file, Buffer.alloc(64 * 1024))
        return true
      } catch {
        return false
      }
    }
    assert.ok(written())
    await disk.fill()
    assert.equal(written(), false)
    rmSync(file)
    await until(() => !written())
    await disk.free()
    assert.ok(written())
    disk.unmount()
    assert.equal(existsSync(file), false)
  })
})

const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5))
}
