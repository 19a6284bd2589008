import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { z } from 'zod'

/** One line of the ledger: what a client did, or what it was told, at the moment it happened. */
const lineSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('event'), event: z.number() }),
  /** A vote, before it is first sent: two attempts of a voter in an event never name the same contestant. */
  z.object({
    kind: z.literal('attempt'),
    key: z.string(),
    event: z.number(),
    voter: z.number(),
    contestant: z.number(),
    voteId: z.string(),
    second: z.boolean(),
    atMs: z.number(),
  }),
  /** `status` 0: nobody answered. A GraphQL answer has the status that REST gives for its code. */
  z.object({
    kind: z.literal('answer'),
    key: z.string(),
    status: z.number(),
    code: z.string(),
    voteId: z.string(),
    via: z.string(),
    sentAtMs: z.number(),
    atMs: z.number(),
  }),
  /** An operator's decision, before it is first sent. */
  z.object({
    kind: z.literal('decision'),
    name: z.string(),
    event: z.number(),
    voter: z.number(),
    verdict: z.enum(['reject', 'admit']),
    atMs: z.number(),
  }),
  /** It was answered: it is on disk. */
  z.object({ kind: z.literal('decided'), name: z.string(), atMs: z.number() }),
  z.object({ kind: z.literal('closing'), event: z.number(), atMs: z.number() }),
  z.object({ kind: z.literal('closed'), event: z.number(), atMs: z.number() }),
])
export type LedgerLine = z.infer<typeof lineSchema>
export type Answer = Extract<LedgerLine, { kind: 'answer' }>
export type Attempt = Extract<LedgerLine, { kind: 'attempt' }>

export interface Ledger {
  write(line: LedgerLine): void
  close(): void
}

/**
 * Each line is handed to the system before `write` returns: if this process dies right behind it, the line is
 * in the file. An attempt's line is written before the attempt is sent, so no vote is under way unrecorded.
 */
export const openLedger = (file: string): Ledger => {
  const descriptor = openSync(file, 'a', 0o600)
  return {
    write: (line) => void writeSync(descriptor, `${JSON.stringify(line)}\n`),
    close: () => closeSync(descriptor),
  }
}

export const readLedger = (file: string): LedgerLine[] => parseLedger(readFileSync(file, 'utf8'))

/** The last line may be torn, when the writer died in it: it is left out. Any other fault throws. */
export const parseLedger = (text: string): LedgerLine[] => {
  const lines = text.split('\n')
  // What follows the last line break is empty, or half a line.
  return lines.slice(0, -1).map((line) => lineSchema.parse(JSON.parse(line)))
}

/** What a client knows of one attempt in the end. */
export interface AttemptRecord {
  readonly attempt: Attempt
  readonly answers: readonly Answer[]
  /** The answer that ended it; undefined while it would still be repeated. */
  readonly final: Answer | undefined
}

/** Whether a client with this answer asks again: nobody answered, or somebody who could not tell. */
export const isOpen = ({ status }: Pick<Answer, 'status'>): boolean =>
  status === 0 || status === 408 || status === 429 || status >= 500

export const attemptsOf = (lines: readonly LedgerLine[]): AttemptRecord[] => {
  const answers = new Map<string, Answer[]>()
  for (const line of lines) {
    if (line.kind === 'attempt') answers.set(line.key, [])
    if (line.kind === 'answer') answers.get(line.key)?.push(line)
  }
  return lines
    .filter((line) => line.kind === 'attempt')
    .map((attempt) => {
      const own = answers.get(attempt.key) ?? []
      return { attempt, answers: own, final: own.find((answer) => !isOpen(answer)) }
    })
}
