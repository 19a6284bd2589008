import { VotestreamError } from '@votestream/schema/errors'
import type { DocumentNode } from 'graphql'
import type { OperationResult } from 'graphql-ws'
import type { Safelist } from './safelist.js'

/**
 * What is followed, for as long as its document may run: then it ends with OPERATION_NOT_REGISTERED. Otherwise it would go
 * on for as long as its socket is open.
 */
export const untilRemoved = (
  safelist: Safelist | undefined,
  document: DocumentNode,
  followed: OperationResult,
): OperationResult => {
  if (!safelist) return followed
  return Promise.resolve(followed).then((result) =>
    Symbol.asyncIterator in result ? endedByRemoval(safelist, document, result) : result,
  )
}

const endedByRemoval = <Result>(
  safelist: Safelist,
  document: DocumentNode,
  results: AsyncIterable<Result>,
): AsyncIterableIterator<Result> => {
  const iterator = results[Symbol.asyncIterator]()
  let removed = false
  const stop = safelist.onRemoval(document, () => {
    removed = true
    void iterator.return?.()
  })
  return {
    async next() {
      const result = await nextOf(iterator, stop)
      if (!result.done) return result
      stop()
      if (removed) throw new VotestreamError('OPERATION_NOT_REGISTERED')
      return result
    },
    async return() {
      stop()
      await iterator.return?.()
      return { value: undefined, done: true }
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}

/** Whoever iterates says nothing more after a failure, so what waits for the end is let go here. */
const nextOf = async <Result>(
  iterator: AsyncIterator<Result>,
  stop: () => void,
): Promise<IteratorResult<Result>> => {
  try {
    return await iterator.next()
  } catch (error) {
    stop()
    throw error
  }
}
