import { fork } from 'node:child_process'
import { once } from 'node:events'

/** A process of the load, which is spoken to by messages; typed arrays are sent as they are. */
export interface LoadChild<Asked extends object> {
  readonly pid: number
  /** Resolves when the message is on its way. @throws Error when the process is gone. */
  send(message: Asked): Promise<void>
  /** Rejects once the process has ended by itself. */
  readonly broken: Promise<never>
  stop(): Promise<void>
}

/** @param onNews every message, in order */
export const forkLoadChild = <News, Asked extends object>(
  file: URL,
  onNews: (news: News) => void,
): LoadChild<Asked> => {
  const child = fork(file, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], serialization: 'advanced' })
  const { pid } = child
  if (pid === undefined) throw new Error(`${file.pathname} did not start`)
  let isStopping = false
  const broken = new Promise<never>((_, reject) => {
    child.once('exit', (code, signal) => {
      if (!isStopping) reject(new Error(`a load process ended (${signal ?? code})`))
    })
    child.once('error', reject)
  })
  broken.catch(() => undefined)
  // Both ends are built together.
  child.on('message', (news) => onNews(news as News))
  return {
    pid,
    broken,
    send: (message) =>
      new Promise((resolve, reject) => {
        child.send(message, (error) => (error ? reject(error) : resolve()))
      }),
    async stop() {
      isStopping = true
      if (child.exitCode !== null || child.signalCode !== null) return
      const exited = once(child, 'exit')
      child.kill('SIGKILL')
      await exited
    },
  }
}
