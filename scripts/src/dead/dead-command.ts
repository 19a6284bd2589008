import type { ParseArgsConfig } from 'node:util'
import type { Nats } from '@votestream/infra/nats'
import type { Environment } from '../environment.js'

/** One of the commands of `npm run dead`. */
export interface DeadCommand {
  /** One line: its words, and what it does. */
  readonly usage: string
  readonly options: NonNullable<ParseArgsConfig['options']>
  /** @returns the exit status. What it throws is said in a sentence, with exit status 2. */
  run(
    context: DeadContext,
    values: Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>,
    positionals: readonly string[],
  ): Promise<number>
}

export interface DeadContext {
  readonly environment: Environment
  readonly nats: Nats
  /** A line of the result. */
  readonly say: (line: string) => void
}
