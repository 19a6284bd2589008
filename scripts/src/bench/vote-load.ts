// Votes at a steady rate, in a process of its own.

import { Agent, request } from 'node:http'
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
const CONNECTIONS = 32

type Cast = Extract<VoteLoadOrder, { do: 'cast' }>

const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })
let acknowledged = 0
let failed = 0
let started = 0
let ending = false

const vote = ({ port, eventId, contestantIds, voters }: Cast, index: number): void => {
  const voter = voters[index]
  if (!voter) return
  started += 1
  const contestantId = contestantIds[index % contestantIds.length]
  const body = JSON.stringify({ user_id: voter.userId, event_id: eventId, contestant_id: contestantId })
  const headers = {
    authorization: `Bearer ${voter.token}`,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  }
  const sent = request({ host: '127.0.0.1', port, path: '/v1/vote/submit', method: 'POST', agent, headers })
  sent.on('response', (response) => {
    if (response.statusCode === 200) acknowledged += 1
    else failed += 1
    response.resume()
  })
  sent.on('error', () => {
    failed += 1
  })
  sent.end(body)
}

const cast = async (order: Cast): Promise<void> => {
  const beganMs = performance.now()
  while (!ending) {
    const due = ((performance.now() - beganMs) / 1_000) * order.perSecond
    while (started < due && started < order.voters.length) vote(order, started)
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
