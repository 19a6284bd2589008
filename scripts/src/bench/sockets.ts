import { setTimeout as pause } from 'node:timers/promises'
import { CONTESTANTS } from './fanout/shown-board.js'
import { allowOpenFiles } from './open-files.js'
import { definePart, type Say } from './part.js'
import { usageOf } from './process-usage.js'
import { startReaders } from './readers.js'
import { startSmallSystem } from './small-system.js'

export interface SocketsOptions {
  readonly viewers: number
  /** Sockets that are opened and closed again, one after the other. */
  readonly connects: number
  readonly say: Say
}

export interface SocketsFigures {
  readonly viewers: number
  /** Of the gateway, before anybody came, megabytes. */
  readonly emptyMegabytes: number
  /** With everybody there, each following a board. */
  readonly fullMegabytes: number
  readonly kilobytesPerSocket: number
  /** Of the gateway's processor, with everybody there and nothing to send: pings alone. */
  readonly idleCores: number
  /** After so many sockets that came and went. */
  readonly churn: readonly { readonly connects: number; readonly megabytes: number }[]
}

const AT_ONCE = 1_000
const STEPS = 5
const SETTLE_MS = 6_000
const IDLE_MS = 24_000
const MORE_FILES = 2_000
/** What a process has open besides the viewers' sockets. */
const FILES_OF_ITS_OWN = 100

export const socketsPart = definePart({
  name: 'sockets',
  about: 'memory of sockets that are there, and of those that are gone',
  options: {
    viewers: { default: 20_000, hint: 'N', about: 'at once' },
    connects: { default: 100_000, hint: 'N', about: 'one after the other' },
  },
  async measure(options, say) {
    const figures = await measureSockets({ ...options, say })
    return { figures, tables: [{ title: 'Many sockets', rows: socketsRows(figures) }], isGood: true }
  },
})

/** What sockets cost that are there, and whether anything stays of those that are gone. */
const measureSockets = async ({
  viewers: wanted,
  connects,
  say,
}: SocketsOptions): Promise<SocketsFigures> => {
  const system = await startSmallSystem({ contestants: CONTESTANTS })
  const readers = startReaders()
  try {
    const [event] = system.events
    const [gateway] = system.gateways
    if (!event || !gateway) throw new Error('the system has no event')
    const pids = [gateway.pid, readers.pid]
    const files = await Promise.all(pids.map((pid) => allowOpenFiles(pid, wanted + MORE_FILES)))
    const viewers = Math.min(wanted, ...files.map((count) => count - FILES_OF_ITS_OWN))
    if (viewers < wanted) say(`${viewers} sockets: this machine lets a process have no more`)
    const dialect = { name: 'graphql', eventId: event.id, token: system.viewerToken() } as const
    const url = `ws://127.0.0.1:${gateway.port}`
    const connect = (count: number) =>
      readers.ask({ do: 'connect', url, viewers: count, dialect, stopped: 0 })
    const megabytes = (): number => usageOf([gateway.pid]).residentBytes / 1024 / 1024
    system.show(event, 1, [1], Date.now())
    // Whatever the first ones need is there before anything is counted.
    await connect(AT_ONCE)
    await readers.ask({ do: 'leave' })
    await pause(SETTLE_MS)
    const emptyMegabytes = megabytes()
    await connect(viewers)
    await pause(SETTLE_MS)
    const fullMegabytes = megabytes()
    const from = usageOf([gateway.pid])
    await pause(IDLE_MS)
    const to = usageOf([gateway.pid])
    const kilobytesPerSocket = ((fullMegabytes - emptyMegabytes) * 1024) / viewers
    say(`${viewers} sockets: ${fullMegabytes.toFixed(0)} MB, ${kilobytesPerSocket.toFixed(1)} KB each`)
    await readers.ask({ do: 'leave' })
    const churn: { connects: number; megabytes: number }[] = []
    for (let step = 1; step <= STEPS; step += 1) {
      for (let opened = 0; opened < connects / STEPS; opened += AT_ONCE) {
        await connect(AT_ONCE)
        await readers.ask({ do: 'leave' })
      }
      await pause(SETTLE_MS)
      churn.push({ connects: (connects / STEPS) * step, megabytes: megabytes() })
      say(`after ${churn.at(-1)?.connects} connects: ${churn.at(-1)?.megabytes.toFixed(0)} MB`)
    }
    const idleCores = (to.cpuSeconds - from.cpuSeconds) / (IDLE_MS / 1_000)
    return { viewers, emptyMegabytes, fullMegabytes, kilobytesPerSocket, idleCores, churn }
  } finally {
    await readers.stop()
    await system.stop()
  }
}

const socketsRows = (figures: SocketsFigures): string[][] => {
  const { viewers, emptyMegabytes, fullMegabytes, kilobytesPerSocket, idleCores, churn } = figures
  const megabytes = (count: number): string => `${count.toFixed(0)} MB`
  return [
    ['on one process', ''],
    ['nobody there', megabytes(emptyMegabytes)],
    [`${viewers} sockets, each following a board`, megabytes(fullMegabytes)],
    ['each', `${kilobytesPerSocket.toFixed(1)} KB`],
    ['processor, with nothing to send', `${(100 * idleCores).toFixed(1)} %`],
    ...churn.map((step) => [`after ${step.connects} came and went`, megabytes(step.megabytes)]),
  ]
}
