import { useEffect, useRef, useState } from 'preact/hooks'
import { EVENTS, type EventSummary } from '../api/documents.js'
import type { Failure } from '../model/failure-words.js'
import { useServices } from '../services.js'

const PAGE = 12
/** Beyond this the list is long enough to be read in peace. */
const REFRESHED_MAX = 48
const REFRESH_MS = 4_000

interface Listed {
  readonly events: readonly EventSummary[]
  readonly endCursor: string | null
}

/** The events, newest first, page by page; the first ones are asked for again every few seconds. */
export const useEvents = () => {
  const { graph } = useServices()
  const [listed, setListed] = useState<Listed>()
  const [failure, setFailure] = useState<Failure>()
  const [loading, setLoading] = useState(false)
  const known = useRef<Listed>(undefined)
  /** A refresh that was asked for before a page was added knows nothing of it. */
  const edition = useRef(0)

  const show = (next: Listed) => {
    known.current = next
    setListed(next)
    setFailure(undefined)
  }

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    let left = false
    const refresh = async () => {
      const shown = known.current?.events.length ?? 0
      const due = shown <= REFRESHED_MAX && document.visibilityState === 'visible'
      if (due || shown === 0) {
        const before = edition.current
        const answer = await graph.ask(EVENTS, { first: Math.max(PAGE, shown) })
        if (left) return
        if (answer.kind === 'failure') setFailure(answer.failure)
        else if (before === edition.current) {
          const { edges, pageInfo } = answer.data.events
          const endCursor = pageInfo.hasNextPage ? pageInfo.endCursor : null
          show({ events: edges.map(({ node }) => node), endCursor })
        }
      }
      timer = setTimeout(() => void refresh(), REFRESH_MS * (0.75 + Math.random() / 2))
    }
    void refresh()
    return () => {
      left = true
      clearTimeout(timer)
    }
  }, [graph])

  const loadMore = async () => {
    const { events = [], endCursor } = listed ?? {}
    if (loading || !endCursor) return
    setLoading(true)
    edition.current += 1
    const answer = await graph.ask(EVENTS, { first: PAGE, after: endCursor })
    setLoading(false)
    if (answer.kind === 'failure') return setFailure(answer.failure)
    const { edges, pageInfo } = answer.data.events
    const shown = new Set(events.map(({ id }) => id))
    const more = edges.map(({ node }) => node).filter(({ id }) => !shown.has(id))
    show({ events: [...events, ...more], endCursor: pageInfo.hasNextPage ? pageInfo.endCursor : null })
  }

  return {
    events: listed?.events,
    hasMore: Boolean(listed?.endCursor),
    loading,
    failure,
    loadMore: () => void loadMore(),
  }
}
