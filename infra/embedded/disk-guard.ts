import { statfsSync } from 'node:fs'

export interface DiskGuardOptions {
  readonly dataDir: string
  /** Ends the process. Called when less is free than the engine may be trusted with. */
  readonly onFull: (freeBytes: number) => never
}

export interface DiskGuard {
  /** Looks at once: before anything is said to be written, or read whole. */
  look(): void
  stop(): void
}

/**
 * Less than this is as good as nothing: a file system keeps some for itself, and what is written next may be larger.
 */
const FREE_BYTES_MIN = 4 * 1024 ** 2
/** To start with: the engine needs some room before it does anything for anybody. */
const FREE_BYTES_TO_START = 4 * FREE_BYTES_MIN
const LOOK_EVERY_MS = 50

/**
 * Watches over what the engine itself does not tell: where a disk gets full under a write, it goes on as if all of it
 * were on the disk, and leaves empty files behind. That is so for the parts of an insert, for those that a merge made
 * of older ones, and for the results of queries.
 *
 * So whoever is told of a full disk ends the process without an answer to anybody. When it is started again, the engine
 * puts the parts that it cannot read aside and takes the older ones, which it keeps for 8 minutes after a merge; what
 * was not acknowledged comes again. A disk that is full for less than the time between two looks, and has room again
 * before an answer is given, is not noticed here: whoever wrote rows counts them when this server comes back.
 */
export const watchDisk = ({ dataDir, onFull }: DiskGuardOptions): DiskGuard => {
  const look = (): void => {
    const free = freeBytes(dataDir)
    if (free < FREE_BYTES_MIN) onFull(free)
  }
  const timer = setInterval(look, LOOK_EVERY_MS)
  return { look, stop: () => clearInterval(timer) }
}

/** @throws Error when a start would end at once. */
export const requireRoom = (dataDir: string): void => {
  const free = freeBytes(dataDir)
  if (free < FREE_BYTES_TO_START) {
    throw new Error(
      `${dataDir} has ${megabytes(free)} MB left (CLICKHOUSE_DATA_DIR); ${megabytes(FREE_BYTES_TO_START)} MB are needed`,
    )
  }
}

export const megabytes = (bytes: number): string => (bytes / 1024 ** 2).toFixed(1)

const freeBytes = (dataDir: string): number => {
  const { bavail, bsize } = statfsSync(dataDir)
  return bavail * bsize
}
