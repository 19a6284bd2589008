import type { Logger } from '@votestream/infra/logging'
import type { Nats } from '@votestream/infra/nats'
import type { EventNumber } from '@votestream/schema/numbers'
import { leaderboardSubject } from '@votestream/schema/subjects'
import { boardPart } from '@votestream/schema/votes'
import DataLoader from 'dataloader'
import { type Board, type BoardNews, createParts, joinNews, type Part, replacing } from '../board.js'
import type { Results } from '../results.js'
import { createLatest, type Latest } from './latest.js'

/** Boards that change, for whoever looks on. */
export interface LiveBoards {
  /**
   * The board as it is, then each later one, at most one in a tick; a reader that is slow gets the latest. The
   * version only grows. @throws VotestreamError RESULTS_UNAVAILABLE, from the iterator, while there is none.
   */
  watch(event: EventNumber, contestants: number): AsyncIterableIterator<Board>
  /** Ends every sequence. */
  stop(): void
}

interface LiveBoardsOptions {
  readonly nats: Pick<Nats, 'connection'>
  readonly results: Pick<Results, 'parts'>
  readonly shards: number
  readonly logger: Logger
  readonly tickMs?: number
}

const TICK_MS = 50
/** Shards that are counted together send their parts together: they make one board, not one each. */
const GATHER_MS = 4
/** Core NATS has no replay: when nothing arrived for this long, Redis is asked whether something was missed. */
const QUIET_MS = 1_000
/** Events that Redis is asked about at once. */
const READ_TOGETHER_MAX = 200
/** How often Redis is asked again while there is no board yet, and how long a first viewer waits for one. */
const FIRST_AGAIN_MS = 200
const FIRST_WAIT_MS = 3_000

/** One subscription per event that has viewers, whatever their number. */
export const createLiveBoards = (options: LiveBoardsOptions): LiveBoards => {
  const channels = new Map<EventNumber, Channel>()
  const readParts = createPartsReader(options.results)
  return {
    watch(event, contestants) {
      const channel = channels.get(event) ?? openChannel({ ...options, readParts }, event, contestants)
      channels.set(event, channel)
      return channel.join(() => {
        // Nothing is kept of an event that nobody watches.
        channel.close()
        if (channels.get(event) === channel) channels.delete(event)
      })
    },
    stop() {
      for (const channel of channels.values()) channel.end()
    },
  }
}

type ReadParts = (event: EventNumber) => Promise<readonly Part[]>

/** What is due in the same moment is read in one call, however many events it is. */
const createPartsReader = (results: LiveBoardsOptions['results']): ReadParts => {
  const loader = new DataLoader<EventNumber, readonly Part[]>(
    async (events) => {
      const found = await results.parts(events)
      return events.map((event) => found.get(event) ?? [])
    },
    { cache: false, maxBatchSize: READ_TOGETHER_MAX, batchScheduleFn: setImmediate },
  )
  return (event) => loader.load(event)
}

const asItStands = ({ version, totals, ackedAtMs }: Board): Board => ({ version, totals, ackedAtMs })

const tracesOf = ({ traces = [] }: BoardNews): BoardNews => ({ traces })

interface Channel {
  join(onEmpty: () => void): Latest<Board>
  close(): void
  end(error?: unknown): void
}

const openChannel = (
  options: Omit<LiveBoardsOptions, 'results'> & { readonly readParts: ReadParts },
  event: EventNumber,
  contestants: number,
): Channel => {
  const { nats, readParts, shards, logger, tickMs = TICK_MS } = options
  const parts = createParts(shards)
  const viewers = new Set<Latest<Board>>()
  const openedAtMs = performance.now()
  let board: Board | undefined
  /** Of what was taken since the last board. */
  let since: BoardNews = {}
  let heardAtMs = 0
  let gathering: NodeJS.Timeout | undefined
  let tick: NodeJS.Timeout | undefined
  let readTimer: NodeJS.Timeout | undefined
  let closed = false

  /** At once when the last board is a tick ago, otherwise when it will be. */
  const show = (): void => {
    if (tick || closed) return
    const summed = parts.board(contestants)
    if (!summed) return
    const next = { ...summed, ...since }
    since = {}
    board = next
    for (const viewer of viewers) viewer.push(next)
    tick = setTimeout(() => {
      tick = undefined
      const latest = parts.board(contestants)
      if (latest && latest.version !== board?.version) show()
    }, tickMs)
  }

  const showSoon = (): void => {
    if (gathering || tick || closed) return
    gathering = setTimeout(() => {
      gathering = undefined
      show()
    }, GATHER_MS)
  }

  const subscription = nats.connection.subscribe(leaderboardSubject(event), {
    callback: (error, message) => {
      if (error) return
      try {
        heardAtMs = performance.now()
        const part = boardPart.decode(message.data)
        const isNews = parts.take(part)
        // Redis may have been read before it came: then the next board names what this one shows already.
        since = joinNews(since, isNews ? part : tracesOf(part))
        if (!isNews) return
        showSoon()
      } catch (cause) {
        logger.error({ err: cause, event }, 'a part of a board cannot be read')
      }
    },
  })

  const end = (error?: unknown): void => {
    for (const viewer of [...viewers]) viewer.end(error)
  }

  const read = async (): Promise<void> => {
    try {
      const found = await readParts(event)
      // Every part is taken before anything is shown: no reader sees half of what was read.
      const news = found.map((part) => parts.take(part))
      if (news.includes(true)) show()
    } catch (error) {
      const waited = performance.now() - openedAtMs > FIRST_WAIT_MS
      if (!board && waited) end(error)
    }
  }

  /**
   * Asks Redis now, again soon while there is no board, and whenever it was quiet for a while: by the same clock for
   * all events, so that they are asked about together.
   */
  const keepReading = async (): Promise<void> => {
    if (performance.now() - heardAtMs >= QUIET_MS || !board) await read()
    if (!closed) {
      readTimer = setTimeout(keepReading, board ? QUIET_MS - (performance.now() % QUIET_MS) : FIRST_AGAIN_MS)
    }
  }
  void keepReading()

  return {
    join(onEmpty) {
      const viewer = createLatest<Board>(() => {
        viewers.delete(viewer)
        if (viewers.size === 0) onEmpty()
      }, replacing)
      viewers.add(viewer)
      // For whoever comes later it is no news: how long it took is not measured.
      if (board) viewer.push(asItStands(board))
      return viewer
    },
    close() {
      closed = true
      clearTimeout(gathering)
      clearTimeout(tick)
      clearTimeout(readTimer)
      subscription.unsubscribe()
    },
    end,
  }
}
