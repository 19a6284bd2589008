// Viewers of a live board, in a process of their own: when they received it is when it was seen.

import { setTimeout as pause } from 'node:timers/promises'
import { encodeIntoCompressedBase64 } from 'hdr-histogram-js'
import { monotonicMs } from './clock.js'
import { createLatencies } from './latencies.js'
import { createObserver, type Observer } from './observer.js'
import { openViewer, type Viewer } from './viewer.js'
import type { ViewersNews, ViewersOrder } from './viewers.js'

/** So many connections are opened at once. */
const OPENING = 100
/** Fewer than a gateway lets in by default (SOCKETS_PER_SECOND_MAX). */
const OPENED_PER_SECOND = 400
/** So many viewers, evenly among all, look at what is on each board; the others only at how old it is. */
const OBSERVERS = 8

const ages = createLatencies()
const observers: Observer[] = []
const viewers: Viewer[] = []
let received = 0
let measureFromMs = Number.POSITIVE_INFINITY
let measureUntilMs = Number.POSITIVE_INFINITY
// Every viewer receives the same bytes: the time on a board is read once.
let shownVersion = -1
let shownAsOfMs = 0

const tell = (news: ViewersNews): void => void process.send?.(news)

/** @param isFirst of its connection: as old as it happens to be @param asOf RFC 3339 */
const onBoard = (version: number, asOf: () => string, isFirst: boolean): void => {
  const nowMs = Date.now()
  received += 1
  if (isFirst) return
  if (version !== shownVersion) {
    shownVersion = version
    shownAsOfMs = Date.parse(asOf())
  }
  const atMs = monotonicMs()
  if (atMs < measureFromMs || atMs > measureUntilMs) return
  ages.add(Math.max(0, nowMs - shownAsOfMs) * 1_000)
}

const watch = async (order: Extract<ViewersOrder, { do: 'watch' }>): Promise<void> => {
  const { count, contestantIds, tokens } = order
  const every = Math.ceil(count / OBSERVERS)
  for (let opened = 0; opened < count; opened += OPENING) {
    const some = Array.from({ length: Math.min(OPENING, count - opened) }, (_, index) => {
      const observer = (opened + index) % every === 0 ? createObserver(contestantIds) : null
      if (observer) observers.push(observer)
      const token = tokens[(opened + index) % tokens.length] ?? ''
      const viewer = openViewer(order, token, onBoard, observer)
      viewers.push(viewer)
      return viewer.shown
    })
    await Promise.all([...some, pause((1_000 * some.length) / OPENED_PER_SECOND)])
  }
  tell({ is: 'watching', before: observers[0]?.totals() ?? [] })
}

const follow = async (order: ViewersOrder): Promise<void> => {
  switch (order.do) {
    case 'watch':
      return watch(order)
    case 'measure':
      measureFromMs = order.fromMs
      measureUntilMs = order.untilMs
      return
    case 'look':
      return tell({ is: 'seen', votes: Math.min(...observers.map((observer) => observer.votes())) })
    case 'tell': {
      for (const viewer of viewers) viewer.close()
      const reconnects = viewers.reduce((sum, viewer) => sum + viewer.reconnects, 0)
      const backwards = viewers.reduce((sum, viewer) => sum + viewer.backwards, 0)
      const sightings = observers.map((observer) => observer.sightings())
      const encodedAges = encodeIntoCompressedBase64(ages.histogram)
      tell({ is: 'told', sightings, ages: encodedAges, received, reconnects, backwards })
    }
  }
}

process.on('message', (order: ViewersOrder) => {
  follow(order).catch((error: unknown) => {
    tell({ is: 'broken', reason: error instanceof Error ? error.message : String(error) })
  })
})
process.on('disconnect', () => process.exit(0))
