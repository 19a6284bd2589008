import { type Connection, openConnection } from './connection.js'
import { TIMED_OUT } from './outcomes.js'
import type { Outcome, Target } from './protocol.js'
import { settling } from './settling.js'
import type { Turn } from './turns.js'

/** Connections that take requests in turn. */
export interface Pool {
  /** Resolves when all are open. @throws Error when one cannot be opened. */
  readonly opened: Promise<void>
  /** As it is now. */
  readonly counts: Readonly<PoolCounts>
  /** Only while one is free. @param nowMs after the start, milliseconds */
  send(turn: Turn, request: Uint8Array, nowMs: number): void
  /** Gives up the requests that have been on their way for too long. */
  sweep(nowMs: number, timeoutMs: number): void
  close(): void
}

export interface PoolCounts {
  free: number
  inFlight: number
  /** Times at which a connection was lost and opened again. */
  reconnects: number
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
  const counts: PoolCounts = { free: 0, inFlight: 0, reconnects: -size }

  const release = (slot: Slot): Sent | null => {
    const { sent } = slot
    slot.sent = null
    if (sent) counts.inFlight -= 1
    return sent
  }
  const openSlot = (): Slot => {
    const connection = openConnection(target, {
      onFree(isNew) {
        counts.free = free.push(slot)
        if (isNew) counts.reconnects += 1
        if (counts.reconnects === 0) opening.resolve()
        events.onFree()
      },
      onUnfree() {
        const at = free.indexOf(slot)
        if (at !== -1) free.splice(at, 1)
        counts.free = free.length
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
    counts,
    send(turn, request, nowMs) {
      const slot = free.shift()
      if (!slot) throw new Error('no connection is free')
      counts.free = free.length
      counts.inFlight += 1
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
