import { setTimeout as pause } from 'node:timers/promises'
import { errors } from '@nats-io/nats-core'
import { leaderboardSubject } from '@votestream/schema/subjects'
import { CONTESTANTS } from './fanout/shown-board.js'
import { definePart, type Say } from './part.js'
import { usageOf } from './process-usage.js'
import { startReaders } from './readers.js'
import type { Count } from './readers-process.js'
import { type SmallEvent, type SmallSystem, startSmallSystem } from './small-system.js'

export interface EventsOptions {
  readonly events: number
  /** So many of them have viewers, on each gateway. */
  readonly watched: number
  readonly viewersPerEvent: number
  readonly seconds: number
  readonly say: Say
}

/** Of the gateways together, for a second, while something is going on. */
export interface EventsFigures {
  readonly going: string
  readonly cpuMilliseconds: number
  readonly residentMegabytes: number
  readonly redisCommands: number
  /** What viewers received. */
  readonly messages: number
}

const GATEWAYS = 2
const SETTLE_MS = 4_000
const BOARDS_PER_SECOND = 1

export const eventsPart = definePart({
  name: 'events',
  about: 'two gateways, many events, a few of them watched',
  options: {
    events: { default: 1_000, hint: 'N', about: 'open' },
    watched: { default: 100, hint: 'N', about: 'of them' },
    seconds: { default: 5, hint: 'N', about: 'how long each is measured' },
  },
  async measure(options, say) {
    const figures = await measureEvents({ ...options, viewersPerEvent: 10, say })
    return { figures, tables: [{ title: 'Many events', rows: eventsRows(figures) }], isGood: true }
  },
})

/** Two gateways and many events, of which a few have viewers. */
const measureEvents = async (options: EventsOptions): Promise<EventsFigures[]> => {
  const { events: count, watched, viewersPerEvent, say } = options
  const figures: EventsFigures[] = []
  const note = (figure: EventsFigures): void => {
    figures.push(figure)
    say(`${figure.going}: ${figure.cpuMilliseconds.toFixed(1)} ms of CPU a second`)
  }
  const few = await startSmallSystem({ contestants: CONTESTANTS, gateways: GATEWAYS })
  try {
    note(await measure(few, 'one event, nobody looks on', [], options))
  } finally {
    await few.stop()
  }
  const system = await startSmallSystem({ contestants: CONTESTANTS, gateways: GATEWAYS, events: count })
  const readers = startReaders()
  try {
    const [seen, unseen] = [system.events.slice(0, watched), system.events.slice(watched)]
    note(await measure(system, `${count} events, nobody looks on, boards of all`, system.events, options))
    for (const event of seen) {
      for (const { port } of system.gateways) {
        const dialect = { name: 'graphql', eventId: event.id, token: system.viewerToken() } as const
        const url = `ws://127.0.0.1:${port}`
        await readers.ask({ do: 'connect', url, viewers: viewersPerEvent, dialect, stopped: 0 })
      }
    }
    await requireUnheard(system, unseen)
    const during = async (going: string, boards: readonly SmallEvent[]) => {
      await readers.ask({ do: 'count' })
      const beganMs = performance.now()
      const figure = await measure(system, going, boards, options)
      const { received } = await readers.ask<Count>({ do: 'tell' })
      note({ ...figure, messages: (received * 1_000) / (performance.now() - beganMs) })
    }
    const viewers = `${viewersPerEvent * GATEWAYS} viewers on each of ${watched}`
    await during(`${viewers}, no boards`, [])
    await during(`${viewers}, boards of the others`, unseen)
    await during(`${viewers}, boards of these`, seen)
    return figures
  } finally {
    await readers.stop()
    await system.stop()
  }
}

/** @param boards the events that have a new board once a second */
const measure = async (
  system: SmallSystem,
  going: string,
  boards: readonly SmallEvent[],
  { seconds }: EventsOptions,
): Promise<EventsFigures> => {
  const timer = setInterval(() => {
    const nowMs = Date.now()
    // The time is a version that grows, whatever was shown before.
    for (const event of boards) system.show(event, nowMs, [nowMs % 1_000], nowMs)
  }, 1_000 / BOARDS_PER_SECOND)
  try {
    await pause(SETTLE_MS)
    const pids = await system.gatewayPids()
    const [from, commandsFrom] = [usageOf(pids), await commandsOf(system)]
    await pause(seconds * 1_000)
    const [to, commandsTo] = [usageOf(pids), await commandsOf(system)]
    return {
      going,
      cpuMilliseconds: ((to.cpuSeconds - from.cpuSeconds) * 1_000) / seconds,
      residentMegabytes: to.residentBytes / 1024 / 1024,
      redisCommands: (commandsTo - commandsFrom) / seconds,
      messages: 0,
    }
  } finally {
    clearInterval(timer)
  }
}

const commandsOf = async ({ redis }: SmallSystem): Promise<number> =>
  Number(/total_commands_processed:(\d+)/.exec(await redis.info('stats'))?.[1])

/** @throws Error when a gateway listens to the boards of an event that nobody looks at. */
const requireUnheard = async ({ nats }: SmallSystem, events: readonly SmallEvent[]): Promise<void> => {
  for (const { number } of events) {
    const answer = nats.connection.request(leaderboardSubject(number), '', { timeout: 1_000 })
    const unheard = await answer.then(
      () => false,
      (error: unknown) => error instanceof errors.RequestError && error.isNoResponders(),
    )
    if (!unheard) throw new Error(`somebody listens to event ${number}, which nobody looks at`)
  }
}

const eventsRows = (figures: readonly EventsFigures[]): string[][] => [
  ['what goes on', 'CPU a second', 'memory', 'Redis commands/s', 'messages/s'],
  ...figures.map(({ going, cpuMilliseconds, residentMegabytes, redisCommands, messages }) => [
    going,
    `${cpuMilliseconds.toFixed(1)} ms`,
    `${residentMegabytes.toFixed(0)} MB`,
    redisCommands.toFixed(0),
    messages.toFixed(0),
  ]),
]
