import assert from 'node:assert/strict'
import type { ReadableSpan, SpanExporter, SpanProcessor } from '@opentelemetry/sdk-trace'
import { createSpanQueue } from '../../../src/telemetry/span-queue.js'

type Done = Parameters<SpanExporter['export']>[1]

const span = {} as ReadableSpan
const nothing = async (): Promise<void> => undefined

/** Hands on each span by itself. */
const queueOf = (max: number) => {
  const waiting: Done[] = []
  const turns: string[] = []
  const queue = createSpanQueue({
    max,
    exporter: { export: (_spans, done) => void waiting.push(done), shutdown: nothing },
    gather: (exporter): SpanProcessor => ({
      onStart: () => undefined,
      onEnd: (ended) => exporter.export([ended], () => undefined),
      forceFlush: nothing,
      shutdown: nothing,
    }),
    onTurn: (error) => void turns.push(error ? error.message : 'taken'),
  })
  return { ...queue, waiting, turns }
}

describe('the queue of spans', () => {
  it('holds so many and no more while nobody takes them, and counts the others', () => {
    const { processor, counts, waiting } = queueOf(3)
    for (let ended = 0; ended < 10; ended += 1) processor.onEnd(span)
    assert.equal(waiting.length, 3)
    assert.deepEqual(counts, { exported: 0, droppedFull: 7, droppedFailed: 0, waiting: 3 })
    for (const done of waiting.splice(0)) done({ code: 0 })
    processor.onEnd(span)
    assert.deepEqual(counts, { exported: 3, droppedFull: 7, droppedFailed: 0, waiting: 1 })
  })

  it('tells once when exporting begins to fail, and once when it works again', () => {
    const { processor, counts, waiting, turns } = queueOf(10)
    for (const code of [0, 1, 1, 0, 0]) {
      processor.onEnd(span)
      waiting.pop()?.({ code, ...(code === 1 ? { error: new Error('refused') } : {}) })
    }
    assert.deepEqual(turns, ['refused', 'taken'])
    assert.deepEqual(counts, { exported: 3, droppedFull: 0, droppedFailed: 2, waiting: 0 })
  })
})
