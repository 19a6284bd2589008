import type { Worker } from 'node:cluster'
import {
  type Diagnostics,
  DiagnosticsError,
  type ProfileRequest,
} from '@votestream/infra/diagnostics/diagnostics'
import { createLevelSwitch } from '@votestream/infra/diagnostics/level-switch'
import type { LogLevel } from '@votestream/infra/log-levels'
import type { Logger } from '@votestream/infra/logging'

type Question =
  | { readonly ask: 'profile'; readonly kind: ProfileRequest['kind']; readonly seconds: number }
  | { readonly ask: 'log-level'; readonly level: LogLevel; readonly seconds: number }

interface Asked {
  readonly diagnosticsQuestion: number
  readonly question: Question
}

type Answered = { readonly diagnosticsAnswer: number } & (
  | { readonly bodyBase64: string }
  | { readonly failure: { readonly status: DiagnosticsError['status']; readonly message: string } }
)

/** Beyond the time that the question itself takes. */
const ANSWER_WITHIN_MS = 10_000

interface WorkersDiagnosticsOptions {
  readonly logger: Logger
  /** Those that live, in the order in which they were started. */
  readonly workers: () => readonly Worker[]
}

/** Of the processes behind one port, from the one that looks after them: they do the work, so they have the profiles. */
export const createWorkersDiagnostics = ({ logger, workers }: WorkersDiagnosticsOptions): Diagnostics => {
  const levels = createLevelSwitch({ logger })
  let last = 0
  return {
    async profile({ kind, seconds, worker: number }) {
      const worker = workers()[number - 1]
      if (!worker) throw new DiagnosticsError(404, `there are ${workers().length} workers, from number 1 on`)
      return Buffer.from(await ask(worker, ++last, { ask: 'profile', kind, seconds }), 'base64')
    },
    logLevel: levels.state,
    async changeLogLevel(level, seconds) {
      const question = { ask: 'log-level', level, seconds } as const
      const answers = await Promise.allSettled(workers().map((worker) => ask(worker, ++last, question)))
      // Of those who did not answer, the others' level is still what is told.
      const state = levels.change(level, seconds)
      const failed = answers.find((answer) => answer.status === 'rejected')
      if (failed) throw failed.reason
      return state
    },
  }
}

/** @returns the answer's body in base64. @throws DiagnosticsError as the worker says, or 503 when it says nothing */
const ask = (worker: Worker, id: number, question: Question): Promise<string> =>
  new Promise((resolve, reject) => {
    const settle = (result: () => void): void => {
      clearTimeout(timer)
      worker.off('message', onMessage)
      worker.off('exit', onExit)
      result()
    }
    const onExit = () => settle(() => reject(new DiagnosticsError(503, 'the worker ended meanwhile')))
    const onMessage = (message: Partial<Answered>) => {
      if (message.diagnosticsAnswer !== id) return
      // By its number it is ours, and so it is whole.
      const answer = message as Answered
      settle(() => {
        if ('failure' in answer) reject(new DiagnosticsError(answer.failure.status, answer.failure.message))
        else resolve(answer.bodyBase64)
      })
    }
    const timer = setTimeout(
      () => settle(() => reject(new DiagnosticsError(503, 'the worker does not answer'))),
      question.seconds * 1_000 * (question.ask === 'profile' ? 1 : 0) + ANSWER_WITHIN_MS,
    )
    worker.on('message', onMessage)
    worker.once('exit', onExit)
    // One that is about to end takes no message; nobody else would hear that, and the primary would end of it.
    worker.send({ diagnosticsQuestion: id, question } satisfies Asked, (error) => {
      if (error) onExit()
    })
  })

/** A worker's part: it answers its primary. */
export const answerPrimary = (diagnostics: Diagnostics): void => {
  process.on('message', (message: Partial<Asked>) => {
    const { diagnosticsQuestion: id, question } = message
    if (id === undefined || !question) return
    void answerOf(diagnostics, question).then((answer) =>
      process.send?.({ diagnosticsAnswer: id, ...answer }),
    )
  })
}

const answerOf = async (
  diagnostics: Diagnostics,
  question: Question,
): Promise<{ bodyBase64: string } | { failure: { status: DiagnosticsError['status']; message: string } }> => {
  try {
    if (question.ask === 'log-level') {
      await diagnostics.changeLogLevel(question.level, question.seconds)
      return { bodyBase64: '' }
    }
    const profile = await diagnostics.profile({ ...question, worker: 1 })
    return { bodyBase64: Buffer.from(profile).toString('base64') }
  } catch (error) {
    const { message } = error as Error
    return { failure: { status: error instanceof DiagnosticsError ? error.status : 503, message } }
  }
}
