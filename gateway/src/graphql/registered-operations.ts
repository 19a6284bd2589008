import type { KV, KvEntry } from '@nats-io/kv'
import { followBucket } from '@votestream/infra/followed-bucket'
import type { Logger } from '@votestream/infra/logging'
import type { OperationText } from '@votestream/schema/operation-text'
import {
  decodeOperation,
  OPERATIONS_MAX,
  type RegisteredOperation,
} from '@votestream/schema/registered-operation'

/** The operations that may run, in memory: they are looked at with every request. */
export interface RegisteredOperations {
  has(id: string): boolean
  /** By its id, or by the hash of a text that it was registered with. */
  textOf(hash: string): string | undefined
  /** Calls once an operation is registered no more. @returns how to stop waiting for that */
  onRemoval(id: string, listener: () => void): () => void
}

export interface OperationBook extends RegisteredOperations {
  learn(entry: Pick<KvEntry, 'key' | 'operation' | 'value'>): void
}

/**
 * What follows from the records. One that cannot be read registers nothing, and is logged.
 * @param builtIn registered whatever the records say
 */
export const createOperationBook = (
  builtIn: readonly OperationText[],
  logger: Pick<Logger, 'error'>,
): OperationBook => {
  const fixed = new Map(builtIn.map(({ id, text }) => [id, text]))
  const records = new Map<string, RegisteredOperation>()
  const ids = new Map<string, string>()
  const listeners = new Map<string, Set<() => void>>()

  const forget = (id: string): void => {
    for (const hash of records.get(id)?.hashes ?? []) ids.delete(hash)
    records.delete(id)
  }
  const keep = (record: RegisteredOperation): void => {
    records.set(record.id, record)
    for (const hash of record.hashes) ids.set(hash, record.id)
  }

  const has = (id: string): boolean => fixed.has(id) || records.has(id)
  const read = ({ key, value }: Pick<KvEntry, 'key' | 'value'>): RegisteredOperation | undefined => {
    try {
      return decodeOperation(key, value)
    } catch (error) {
      logger.error({ err: error, key }, 'a registered operation cannot be read')
      return undefined
    }
  }

  return {
    has,
    textOf(hash) {
      const id = has(hash) ? hash : (ids.get(hash) ?? '')
      return fixed.get(id) ?? records.get(id)?.text
    },
    onRemoval(id, listener) {
      const own = listeners.get(id) ?? new Set()
      listeners.set(id, own.add(listener))
      return () => {
        own.delete(listener)
        if (own.size === 0 && listeners.get(id) === own) listeners.delete(id)
      }
    },
    learn(entry) {
      const { key, operation } = entry
      const record = operation === 'PUT' ? read(entry) : undefined
      // Whoever registers them keeps to the limit, which two at once may pass.
      if (record && !records.has(key) && records.size >= 2 * OPERATIONS_MAX) {
        logger.error({ key }, 'too many registered operations: this one is not taken')
        return
      }
      forget(key)
      if (record) keep(record)
      // Whoever listens stops listening when it hears of it.
      if (!has(key)) for (const listener of [...(listeners.get(key) ?? [])]) listener()
    },
  }
}

interface WatchOptions {
  readonly bucket: KV
  readonly builtIn: readonly OperationText[]
  readonly logger: Logger
}

/** Resolves when everything that is registered has been seen. While the broker is away what was known last holds. */
export const watchOperations = async ({
  bucket,
  builtIn,
  logger,
}: WatchOptions): Promise<RegisteredOperations & { stop(): void }> => {
  const book = createOperationBook(builtIn, logger)
  const watch = await followBucket({ bucket, what: 'operations', logger, onEntry: book.learn })
  return { ...book, stop: watch.stop }
}
