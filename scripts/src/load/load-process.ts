// One process of the load: it is told its requests and its pace by messages, and tells what became of each request.

import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { monotonicMs } from './clock.js'
import type { News, Order } from './protocol.js'
import { createRequestStore } from './request-store.js'
import { createSampleColumns } from './sample-columns.js'
import { createSender, type Preparation, type Sender } from './sender.js'

/** Often enough for a display, and in pieces small enough not to delay a request. */
const TELL_MS = 200
const LOOP_RESOLUTION_MS = 5

const requests = createRequestStore()
const samples = createSampleColumns()
let preparation: Preparation | undefined
let sender: Sender | undefined

const tell = (news: News): Promise<void> =>
  new Promise((resolve) => {
    if (process.send) process.send(news, () => resolve())
    else resolve()
  })

const tellSamples = async (): Promise<void> => {
  const taken = samples.take()
  if (taken) await tell({ is: 'samples', ...taken })
}

/** @param atMs of the monotonic clock */
const run = async (atMs: number): Promise<void> => {
  if (!sender || !preparation) throw new Error('nothing was prepared')
  const { pace } = preparation
  const startMs = performance.now() + (atMs - monotonicMs())
  const teller = setInterval(() => void tellSamples(), TELL_MS)
  const delays = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS })
  let cpu = process.cpuUsage()
  let loop = performance.eventLoopUtilization()
  let usage = { busy: 0, cpuSeconds: 0 }
  const begin = setTimeout(
    () => {
      delays.enable()
      cpu = process.cpuUsage()
      loop = performance.eventLoopUtilization()
    },
    startMs - performance.now() + pace.rampSeconds * 1_000,
  )
  // Behind the last request nothing is to do, and whoever is idle then was not idle before.
  const end = setTimeout(
    () => {
      usage = usageSince(cpu, loop)
      delays.disable()
    },
    startMs - performance.now() + (pace.rampSeconds + pace.seconds) * 1_000,
  )
  await sender.run(startMs)
  for (const timer of [begin, end]) clearTimeout(timer)
  clearInterval(teller)
  if (usage.cpuSeconds === 0) usage = usageSince(cpu, loop)
  await tellSamples()
  // What the monitor counts is the time between two of its timers.
  const loopDelayP99Ms = Math.max(0, delays.percentile(99) / 1e6 - LOOP_RESOLUTION_MS)
  await tell({ is: 'done', ...usage, loopDelayP99Ms, reconnects: sender.reconnects() })
  sender.close()
}

const usageSince = (
  cpu: NodeJS.CpuUsage,
  loop: ReturnType<typeof performance.eventLoopUtilization>,
): { busy: number; cpuSeconds: number } => {
  const { user, system } = process.cpuUsage(cpu)
  return {
    busy: performance.eventLoopUtilization(loop).utilization,
    cpuSeconds: (user + system) / 1e6,
  }
}

const follow = async (order: Order): Promise<void> => {
  switch (order.do) {
    case 'prepare':
      preparation = order
      return
    case 'take':
      return requests.take(order)
    case 'connect':
      if (!preparation) throw new Error('nothing was prepared')
      sender = createSender(preparation, requests, samples)
      await sender.connect()
      return tell({ is: 'ready' })
    case 'start':
      return run(order.atMs)
  }
}

process.on('message', (order: Order) => {
  follow(order).catch((error: unknown) => {
    void tell({ is: 'broken', reason: error instanceof Error ? error.message : String(error) })
  })
})
process.on('disconnect', () => process.exit(0))
