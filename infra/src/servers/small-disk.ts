import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

/** A disk of a server's own, so that it can be full without anybody else's being so. */
export interface SmallDisk {
  /** Not a byte is left when it resolves; nor later, whatever the server deletes, until `free`. */
  fill(): Promise<void>
  free(): Promise<void>
  /** Also while something still has files on it: it is gone with the last of them. */
  unmount(): void
}

const BALLAST = 'ballast'
/** Large pieces first; then what is left, by the page. */
const PIECES_BYTES = [1024 * 1024, 4096]
const TOP_UP_EVERY_MS = 100

/** @returns undefined where mounting is not permitted: the folder is then on the disk that everybody shares. */
export const mountSmallDisk = (folder: string, bytes: number): SmallDisk | undefined => {
  mkdirSync(folder, { recursive: true })
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes},mode=700`, 'votestream-chaos', folder], {
      stdio: 'ignore',
    })
  } catch {
    return undefined
  }
  const ballast = join(folder, BALLAST)
  let filling: Promise<void> | undefined
  let full = false
  let mounted = true

  const unmount = (): void => {
    if (!mounted) return
    mounted = false
    process.off('exit', unmount)
    try {
      execFileSync('umount', ['--lazy', folder], { stdio: 'ignore' })
    } catch {
      // Somebody was faster.
    }
  }
  // However this process ends by itself. What a kill of it leaves behind is a mount below a folder in /tmp.
  process.once('exit', unmount)

  return {
    async fill() {
      full = true
      const file = await open(ballast, 'a')
      await writeUntilFull(file)
      filling = (async () => {
        while (full) {
          await pause(TOP_UP_EVERY_MS)
          if (full) await writeUntilFull(file)
        }
        await file.close()
      })()
    },
    async free() {
      full = false
      await filling
      filling = undefined
      rmSync(ballast, { force: true })
    },
    unmount,
  }
}

const writeUntilFull = async (file: FileHandle): Promise<void> => {
  for (const bytes of PIECES_BYTES) {
    const piece = Buffer.alloc(bytes)
    try {
      // A piece that was written in part only met the end of the disk.
      while ((await file.write(piece)).bytesWritten === bytes);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
    }
  }
}
