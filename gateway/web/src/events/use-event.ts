import { useEffect, useState } from 'preact/hooks'
import { EVENT, EVENT_TIMES, type EventDetail } from '../api/documents.js'
import type { Failure } from '../model/failure-words.js'
import { failureOf } from '../model/failure-words.js'
import { backoffMs } from '../model/waiting.js'
import { useServices } from '../services.js'

/** Boards come by themselves; that an event was closed early has to be asked for. */
const TIMES_EVERY_MS = 5_000

/** An event as the cache knows it: loaded once, kept fresh by the boards that are written to the cache. */
export const useEvent = (id: string) => {
  const { graph } = useServices()
  const [event, setEvent] = useState<EventDetail>()
  const [failure, setFailure] = useState<Failure>()

  useEffect(() => {
    let left = false
    let timer: ReturnType<typeof setTimeout> | undefined
    const unwatch = graph.watch(EVENT, { id }, ({ event: known }) => {
      if (known) setEvent(known)
    })
    const load = async (tries: number): Promise<void> => {
      const answer = await graph.ask(EVENT, { id }, 'cached')
      if (left) return
      const missing = answer.kind === 'data' && !answer.data.event ? failureOf('EVENT_NOT_FOUND') : undefined
      const failed = answer.kind === 'failure' ? answer.failure : missing
      setFailure(failed)
      if (!failed) timer = setTimeout(() => void lookAtTimes(), TIMES_EVERY_MS)
      else if (failed.mayPass) timer = setTimeout(() => void load(tries + 1), backoffMs(tries, 1_000, 8_000))
    }
    const lookAtTimes = async (): Promise<void> => {
      if (document.visibilityState === 'visible') await graph.ask(EVENT_TIMES, { id }, 'cached')
      if (!left) timer = setTimeout(() => void lookAtTimes(), TIMES_EVERY_MS + Math.random() * TIMES_EVERY_MS)
    }
    void load(0)
    return () => {
      left = true
      clearTimeout(timer)
      unwatch()
    }
  }, [graph, id])

  return { event, failure }
}
