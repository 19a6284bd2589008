// Votes at a steady rate, in a process of its own: many requests in one write, so that the load takes little of the
// machine that it shares with what is measured.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

export type VoteLoadOrder =
  | {
      readonly do: 'cast'
      readonly port: number
      readonly perSecond: number
      readonly eventId: string
      readonly contestantIds: readonly string[]
      /** Each votes once, in this order. */
      readonly voters: readonly { readonly userId: string; readonly token: string }[]
    }
  | { readonly do: 'end' }

export interface VoteLoadCount {
  readonly acknowledged: number
  readonly failed: number
}

const EVERY_MS = 10
const CONNECTIONS = 8
const STATUS_LINE = /HTTP\/1\.1 (\d{3})/g
/** A status line that is not whole yet is at most this long. */
const PARTIAL = 11

type Cast = Extract<VoteLoadOrder, { do: 'cast' }>

let acknowledged = 0
let failed = 0
let started = 0
let ending = false

const requestOf = ({ eventId, contestantIds, voters }: Cast, index: number): string => {
  const voter = voters[index]
  const contestantId = contestantIds[index % contestantIds.length]
  const body = JSON.stringify({ user_id: voter?.userId, event_id: eventId, contestant_id: contestantId })
  const head = [
    'POST /v1/vote/submit HTTP/1.1',
    'host: bench',
    `authorization: Bearer ${voter?.token}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
  ]
  return `${head.join('\r\n')}\r\n\r\n${body}`
}

const open = async (port: number): Promise<Socket> => {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  let rest = ''
  socket.on('data', (data) => {
    const text = rest + data.toString('latin1')
    let end = 0
    for (const match of text.matchAll(STATUS_LINE)) {
      if (match[1] === '200') acknowledged += 1
      else failed += 1
      end = match.index + match[0].length
    }
    rest = text.slice(Math.max(end, text.length - PARTIAL))
  })
  return socket
}

const cast = async (order: Cast): Promise<void> => {
  const sockets = await Promise.all(Array.from({ length: CONNECTIONS }, () => open(order.port)))
  const beganMs = performance.now()
  while (!ending) {
    const due = Math.min(order.voters.length, ((performance.now() - beganMs) / 1_000) * order.perSecond)
    const writes = sockets.map(() => '')
    for (; started < due; started += 1) writes[started % CONNECTIONS] += requestOf(order, started)
    for (const [index, text] of writes.entries()) if (text !== '') sockets[index]?.write(text)
    await pause(EVERY_MS)
  }
  while (acknowledged + failed < started) await pause(EVERY_MS)
  process.send?.({ acknowledged, failed } satisfies VoteLoadCount)
}

process.on('message', (order: VoteLoadOrder) => {
  if (order.do === 'end') {
    ending = true
    return
  }
  process.send?.({})
  void cast(order)
})
process.on('disconnect', () => process.exit(0))
