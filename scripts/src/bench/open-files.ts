import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'

/** Raises how many files a process may have open, sockets among them, as far as this process may. @returns how many it may. */
export const allowOpenFiles = async (pid: number, count: number): Promise<number> => {
  const limit = `--nofile=${count}:${count}`
  if (openFilesOf(pid) < count) {
    await promisify(execFile)('prlimit', ['--pid', String(pid), limit]).catch(() => undefined)
  }
  return openFilesOf(pid)
}

const openFilesOf = (pid: number): number =>
  Number(/^Max open files\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/limits`, 'utf8'))?.[1])
