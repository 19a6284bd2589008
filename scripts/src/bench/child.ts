import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'

/** A program of the bench, which is spoken to by messages. */
export interface Child {
  readonly pid: number
  send(message: unknown): void
  /** The next message. @throws Error when the process ends before it. */
  next<Message>(): Promise<Message>
  stop(): Promise<void>
}

export const startChild = (file: URL): Child => {
  const child: ChildProcess = fork(file, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  const pid = child.pid
  if (pid === undefined) throw new Error(`${file.pathname} did not start`)
  return {
    pid,
    send: (message) => void child.send(message as object),
    async next<Message>() {
      const ended = new AbortController()
      const { signal } = ended
      const gone = once(child, 'exit', { signal }).then(() => {
        throw new Error(`${file.pathname} ended`)
      })
      try {
        const [message] = await Promise.race([once(child, 'message', { signal }), gone])
        return message as Message
      } finally {
        gone.catch(() => undefined)
        ended.abort()
      }
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const exited = once(child, 'exit')
      child.kill('SIGKILL')
      await exited
    },
  }
}
