import { FAULTS, type FaultName } from './schedule.js'

/** Client's send until the acknowledgement that a vote is on disk, at p99. */
export const ACKNOWLEDGED_MS = 50
/** Acknowledgement until a viewer's board holds the vote, at p99: processing and fan-out, 200 ms each. */
export const SHOWN_MS = 400
/**
 * How much slower than in this run's quiet phases the same thing may be. Servers, services, clients and whoever
 * else works on this machine share its processors, and a process that comes up takes one of them for a second: on
 * two of them that shows in everybody's p99. It still tells what waits for a dead server from what does not.
 */
export const QUIET_FACTOR = 4

/** What a fault excuses, and how long. */
export interface FaultLevels {
  /** `holds`: votes are acknowledged as if nothing had happened. */
  readonly acknowledged: 'holds' | 'excused'
  /** `holds`: viewers see what is acknowledged as if nothing had happened. */
  readonly shown: 'holds' | 'excused'
  /** From when the times below count: from the fault's beginning, or from its end where nothing can work during it. */
  readonly from: 'beginning' | 'end'
  /** By then votes are acknowledged in every shard. */
  readonly acknowledgedWithinMs: number
  /** By then a viewer's board holds a vote that was acknowledged since. */
  readonly shownWithinMs: number
  readonly why: string
}

/** An owner's lease runs out, and its successor has read what it must know. */
const LEASE_MOVES_MS = 4_000
/** A process of ours or a server is started again: on a busy machine Node alone takes a second or two. */
const RESTART_MS = 4_000
/** Clients look at connections every 2 s and give them up after two looks without an answer. */
const SILENCE_NOTICED_MS = 6_000
/** A server that is back is dialled again after a pause, and what waits for it is tried again after another. */
const RECONNECT_MS = 3_000
const MARGIN_MS = 1_000

const nothing: Pick<FaultLevels, 'acknowledged' | 'shown' | 'from'> = {
  acknowledged: 'holds',
  shown: 'holds',
  from: 'beginning',
}
const boards: Pick<FaultLevels, 'acknowledged' | 'shown'> = { acknowledged: 'holds', shown: 'excused' }
const everything: Pick<FaultLevels, 'acknowledged' | 'shown'> = { acknowledged: 'excused', shown: 'excused' }
const within = (acknowledgedWithinMs: number, shownWithinMs: number) => ({
  acknowledgedWithinMs,
  shownWithinMs,
})

const archive: FaultLevels = {
  ...nothing,
  ...within(MARGIN_MS, 2 * MARGIN_MS),
  why: 'Only the archive writes to ClickHouse, and nobody waits for it.',
}
const view = (from: FaultLevels['from'], shownWithinMs: number, why: string): FaultLevels => ({
  ...boards,
  from,
  ...within(MARGIN_MS, shownWithinMs),
  why: `Votes do not wait for Redis, only boards do. ${why}`,
})
const rightTime: FaultLevels = {
  ...nothing,
  ...within(MARGIN_MS, 2 * MARGIN_MS),
  why: 'Nothing is decided by the clock of the process that decides it.',
}
const log = (from: FaultLevels['from'], withinMs: number, why: string): FaultLevels => ({
  ...everything,
  from,
  ...within(withinMs, withinMs + RECONNECT_MS),
  why: `The log is where votes are acknowledged. ${why}`,
})

/** What no failover excuses, fault by fault. */
export const LEVELS: Readonly<Record<FaultName, FaultLevels>> = {
  'kill-gateway': {
    ...everything,
    from: 'beginning',
    ...within(RESTART_MS, RESTART_MS + MARGIN_MS),
    why: 'The other one takes votes all the time; whoever asks this one is refused until it is back.',
  },
  'kill-ingest': {
    ...everything,
    from: 'beginning',
    ...within(LEASE_MOVES_MS + MARGIN_MS, LEASE_MOVES_MS + 2 * MARGIN_MS),
    why: 'Its shards wait until their leases have run out, or until it is back and takes them in its own name.',
  },
  'kill-processor': {
    ...boards,
    from: 'beginning',
    ...within(MARGIN_MS, LEASE_MOVES_MS + 2 * MARGIN_MS),
    why: 'Votes do not wait for the tally; the boards of its shards do, until its leases have moved.',
  },
  'kill-nats': log(
    'beginning',
    RESTART_MS + LEASE_MOVES_MS,
    'It starts, its streams are read, leases are taken.',
  ),
  'kill-redis': view('beginning', RESTART_MS + RECONNECT_MS, 'It starts, and reads its file.'),
  'kill-clickhouse': archive,
  'stop-gateway': {
    ...everything,
    from: 'end',
    ...within(MARGIN_MS, 2 * MARGIN_MS),
    why: 'Half of the clients talk to it, and wait for it as long as they wait for anybody.',
  },
  'stop-ingest': {
    ...everything,
    from: 'beginning',
    ...within(LEASE_MOVES_MS + MARGIN_MS, LEASE_MOVES_MS + 2 * MARGIN_MS),
    why: 'As if it were dead, until it wakes up and finds its leases with another.',
  },
  'stop-processor': {
    ...boards,
    from: 'beginning',
    ...within(MARGIN_MS, LEASE_MOVES_MS + 2 * MARGIN_MS),
    why: 'As if it were dead, until it wakes up and finds its leases with another.',
  },
  'stop-nats': log('end', LEASE_MOVES_MS + MARGIN_MS, 'Leases ran out while nobody could renew them.'),
  'stop-redis': view('end', RECONNECT_MS + MARGIN_MS, 'Commands time out after 2 s and are tried again.'),
  'stop-clickhouse': archive,
  'kill-pair': log('beginning', RESTART_MS + LEASE_MOVES_MS, 'Any two, the broker among them.'),
  'stop-pair': log('end', LEASE_MOVES_MS + MARGIN_MS, 'Any two, the broker among them.'),
  flushall: view('beginning', LEASE_MOVES_MS, 'The tally notices within a second and reads the log again.'),
  'redis-older-file': view('end', RESTART_MS + RECONNECT_MS, 'It starts, and reads its file.'),
  'nats-damaged-index': log(
    'beginning',
    RESTART_MS + LEASE_MOVES_MS,
    'It starts, and makes its indexes anew from the messages.',
  ),
  'cut-nats': log('end', LEASE_MOVES_MS + MARGIN_MS, 'Leases ran out while nobody could renew them.'),
  'cut-redis': view('end', RECONNECT_MS, 'Clients dial again within a second.'),
  'cut-clickhouse': archive,
  'delay-nats': {
    ...everything,
    from: 'beginning',
    ...within(2 * MARGIN_MS, 3 * MARGIN_MS),
    why: 'Each way to the broker takes longer than the level; but votes go on.',
  },
  'delay-redis': view('beginning', 3 * MARGIN_MS, 'Each way to it takes its time; but boards go on.'),
  'delay-clickhouse': archive,
  'half-open-nats': log(
    'beginning',
    SILENCE_NOTICED_MS + LEASE_MOVES_MS,
    'Nobody is told that the connection is dead; and by then the leases have run out.',
  ),
  'half-open-redis': view(
    'beginning',
    SILENCE_NOTICED_MS + RECONNECT_MS,
    'Nobody is told that the connection is dead.',
  ),
  'half-open-clickhouse': archive,
  'full-nats': log(
    'end',
    LEASE_MOVES_MS + RESTART_MS,
    'It takes messages again as soon as there is room; leases ran out.',
  ),
  'full-redis': view('end', RESTART_MS + RECONNECT_MS, 'It takes writes again as soon as its file does.'),
  'full-clickhouse': archive,
  'clock-gateway': rightTime,
  'clock-ingest': rightTime,
  'clock-processor': rightTime,
  'clocks-gateway': rightTime,
  'clocks-ingest': rightTime,
  'clocks-processor': rightTime,
  'close-event': { ...rightTime, why: 'A record in the log like any other.' },
}

/**
 * What a fault excuses where a process was killed in its middle, too: what either of the two excuses.
 * @param kills names of processes, as the schedule has them
 */
export const levelsOf = (name: FaultName, kills: readonly string[]): FaultLevels => {
  const own = LEVELS[name]
  const killed = FAULTS.filter((fault) =>
    kills.some((process) => `kill-${process.replace(/-\d+$/, '')}` === fault),
  )
  return killed.reduce((levels, fault) => {
    const other = LEVELS[fault]
    return {
      acknowledged: other.acknowledged === 'excused' ? 'excused' : levels.acknowledged,
      shown: other.shown === 'excused' ? 'excused' : levels.shown,
      // The kill comes in its middle: counted from its end, nothing is judged too early.
      from: 'end',
      acknowledgedWithinMs: Math.max(levels.acknowledgedWithinMs, other.acknowledgedWithinMs),
      shownWithinMs: Math.max(levels.shownWithinMs, other.shownWithinMs),
      why: `${levels.why} ${other.why}`,
    }
  }, own)
}
