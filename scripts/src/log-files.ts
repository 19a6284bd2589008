import {
  closeSync,
  copyFileSync,
  existsSync,
  fstatSync,
  openSync,
  readSync,
  renameSync,
  statSync,
  truncateSync,
} from 'node:fs'
import { readLine } from '@votestream/infra/servers/log-words'

/** At start a log of the last run that is larger than this makes room, and one old file is kept. */
const startBytesMax = 8 * 1024 * 1024
/** While it runs a log is cut when it passes this, so that logs can never fill the disk. */
const runningBytesMax = 64 * 1024 * 1024
const readBytesMax = 64 * 1024
const linesPerLookMax = 5

export function rotateLog(file: string): void {
  if (existsSync(file) && statSync(file).size > startBytesMax) renameSync(file, `${file}.1`)
}

export interface LogWatch {
  stop(): void
}

/**
 * Looks at each log once in a while: hands on lines that a person should see now, and keeps the files small.
 * Bounded: at most a few lines of a file per look; what is beyond them stands in the file.
 */
export function watchLogs(
  files: ReadonlyMap<string, string>,
  { intervalMs, onLine }: { intervalMs: number; onLine: (name: string, line: string) => void },
): LogWatch {
  const offsets = new Map<string, number>()
  for (const file of files.values()) offsets.set(file, existsSync(file) ? statSync(file).size : 0)
  const timer = setInterval(() => {
    for (const [name, file] of files) {
      if (!existsSync(file)) continue
      const { text, end } = readFrom(file, offsets.get(file) ?? 0)
      offsets.set(file, end)
      const lines = text.split('\n').flatMap((line) => importantText(line) ?? [])
      for (const line of lines.slice(0, linesPerLookMax)) onLine(name, line)
      if (lines.length > linesPerLookMax) onLine(name, `${lines.length - linesPerLookMax} more in ${file}`)
      if (end > runningBytesMax) {
        // The child appends, so it goes on at the new end; what it writes between the two calls is lost.
        copyFileSync(file, `${file}.1`)
        truncateSync(file, 0)
        offsets.set(file, 0)
      }
    }
  }, intervalMs)
  timer.unref()
  return { stop: () => clearInterval(timer) }
}

/** What a line says when it is about an error: a service's JSON line, or a line of NATS. */
export function importantText(line: string): string | undefined {
  if (/\[(ERR|FTL)\]/.test(line)) return line.replace(/^\[\d+\] [\d/]+ [\d:.]+ /, '')
  const { words, isError } = readLine(line)
  return isError ? words : undefined
}

/** Whole lines from an offset on; a very long backlog is skipped to its end. */
function readFrom(file: string, offset: number): { text: string; end: number } {
  const descriptor = openSync(file, 'r')
  try {
    const { size } = fstatSync(descriptor)
    const start = offset > size ? 0 : Math.max(offset, size - readBytesMax)
    const buffer = Buffer.alloc(Math.min(size - start, readBytesMax))
    const length = readSync(descriptor, buffer, 0, buffer.length, start)
    const lastBreak = buffer.subarray(0, length).lastIndexOf('\n')
    return { text: buffer.subarray(0, lastBreak + 1).toString('utf8'), end: start + lastBreak + 1 }
  } finally {
    closeSync(descriptor)
  }
}
