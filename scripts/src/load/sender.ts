import { NOT_SENT, outcomeOf } from './outcomes.js'
import { openPool, type Sent } from './pool.js'
import type { Order, Outcome } from './protocol.js'
import type { RequestStore } from './request-store.js'
import type { SampleColumns } from './sample-columns.js'
import { settling } from './settling.js'
import { closedTurns, openTurns, type Turns } from './turns.js'

export type Preparation = Extract<Order, { do: 'prepare' }>

/** Sends the requests of one process. */
export interface Sender {
  /** Opens every connection. @throws Error when one of them cannot be opened. */
  connect(): Promise<void>
  /** Resolves when every request has its outcome. @param startMs of the performance clock */
  run(startMs: number): Promise<void>
  /** Times at which a connection was lost and opened again. */
  reconnects(): number
  close(): void
}

/** Requests on their way are looked through for those that are late so often. */
const SWEEP_MS = 50

export const createSender = (
  preparation: Preparation,
  requests: RequestStore,
  samples: SampleColumns,
): Sender => {
  const { target, series, connections, timeoutMs } = preparation
  const turns = turnsOf(preparation)
  let startMs = Number.POSITIVE_INFINITY
  let timer: NodeJS.Timeout | undefined
  let sweeper: NodeJS.Timeout | undefined
  const finished = settling<void>()

  const clock = (): number => performance.now() - startMs
  const note = (sent: Sent, outcome: Outcome): void => {
    const request = sent.position * preparation.processes + preparation.position
    samples.add(request, requests.series(sent.position), sent, clock(), outcome)
  }
  const settle = (sent: Sent, outcome: Outcome): void => {
    note(sent, outcome)
    checkEnd()
  }
  const pool = openPool(target, connections, {
    onFree: () => pump(),
    onAnswer(sent, status, body) {
      const success = series[requests.series(sent.position)]?.success ?? 'status'
      settle(sent, outcomeOf(success, status, body))
    },
    onLost: settle,
  })

  const pump = (): void => {
    let nowMs = clock()
    if (nowMs < 0) return
    for (let late = turns.takeExpired(nowMs); late; late = turns.takeExpired(nowMs)) {
      note({ ...late, sentMs: nowMs }, NOT_SENT)
    }
    while (pool.counts.free > 0) {
      const turn = turns.take(nowMs)
      if (!turn) break
      pool.send(turn, requests.bytes(turn.position), nowMs)
      nowMs = clock()
    }
  }
  const tick = (): void => {
    pump()
    const nextMs = turns.nextMs()
    const waitMs = nextMs === null ? SWEEP_MS : Math.ceil(nextMs - clock())
    timer = setTimeout(tick, Math.min(SWEEP_MS, Math.max(1, waitMs)))
    checkEnd()
  }
  const checkEnd = (): void => {
    if (pool.counts.inFlight === 0 && turns.isOver(clock())) finished.resolve()
  }
  return {
    connect: () => pool.opened,
    async run(atMs) {
      startMs = atMs
      sweeper = setInterval(() => pool.sweep(clock(), timeoutMs), SWEEP_MS)
      timer = setTimeout(tick, Math.max(0, atMs - performance.now()))
      await finished.promise
      clearTimeout(timer)
    },
    reconnects: () => pool.counts.reconnects,
    close() {
      clearTimeout(timer)
      clearInterval(sweeper)
      pool.close()
    },
  }
}

const turnsOf = ({ pace, position, processes, count, timeoutMs, repeat }: Preparation): Turns => {
  const share = { own: position, processes, count }
  return pace.mode === 'open' ? openTurns(pace, share, timeoutMs) : closedTurns(pace, share, repeat)
}
