import { type Connection, openConnection } from './connection.js'
import { TIMED_OUT } from './outcomes.js'
import type { Outcome, Target } from './protocol.js'
import { settling } from './settling.js'
import type { Turn } from './turns.js'

/** Connections that take requests in turn. */
export interface Pool {
  /** Resolves when all are open. @throws Error when one cannot be opened. */
  readonly opened: Promise<void>
  readonly freeCount: number
  readonly inFlight: number
  /** Times at which a connection was lost and opened again. */
  readonly reconnects: number
  /** Only while one is free. @param nowMs after the start, milliseconds */
  send(turn: Turn, request: Uint8Array, nowMs: number): void
  /** Gives up the requests that have been on their way for too long. */
  sweep(nowMs: number, timeoutMs: number): void
  close(): void
}

/** A request that was sent. */
export interface Sent extends Turn {
  readonly sentMs: number
}

export interface PoolEvents {
  onFree(): void
  onAnswer(sent: Sent, status: number, body: Buffer): void
  onLost(sent: Sent, outcome: Outcome): void
}

interface Slot {
  readonly connection: Connection
  sent: Sent | null
}

export const openPool = (target: Target, size: number, events: PoolEvents): Pool => {
  const opening = settling<void>()
  const slots: Slot[] = []
  // Taken from the front and given back at the end: each in turn, as those of a crowd are used.
  const free: Slot[] = []
  let opens = 0
  let inFlight = 0

  const release = (slot: Slot): Sent | null => {
    const { sent } = slot
    slot.sent = null
    if (sent) inFlight -= 1
    return sent
  }
  const openSlot = (): Slot => {
    const connection = openConnection(target, {
      onFree(isNew) {
        free.push(slot)
        if (isNew) opens += 1
        if (isNew && opens === size) opening.resolve()
        events.onFree()
      },
      onUnfree() {
        const at = free.indexOf(slot)
        if (at !== -1) free.splice(at, 1)
      },
      onAnswer(status, body) {
        const sent = release(slot)
        if (sent) events.onAnswer(sent, status, body)
      },
      onLost(outcome) {
        const sent = release(slot)
        if (sent) events.onLost(sent, outcome)
      },
      onRefused: opening.reject,
    })
    const slot: Slot = { connection, sent: null }
    return slot
  }
  for (let index = 0; index < size; index += 1) slots.push(openSlot())

  return {
    opened: opening.promise,
    get freeCount() {
      return free.length
    },
    get inFlight() {
      return inFlight
    },
    get reconnects() {
      return Math.max(0, opens - size)
    },
    send(turn, request, nowMs) {
      const slot = free.shift()
      if (!slot) throw new Error('no connection is free')
      inFlight += 1
      slot.sent = { ...turn, sentMs: nowMs }
      slot.connection.send(request)
    },
    sweep(nowMs, timeoutMs) {
      for (const slot of slots) {
        if (!slot.sent || nowMs - slot.sent.sentMs <= timeoutMs) continue
        slot.connection.abandon()
        const sent = release(slot)
        if (sent) events.onLost(sent, TIMED_OUT)
      }
    },
    close() {
      for (const { connection } of slots) connection.close()
    },
  }
}
