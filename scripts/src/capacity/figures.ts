/** A figure that a bench measured on this machine, with all that is needed to find it again. */
export interface Figure {
  readonly name: string
  readonly value: number
  readonly unit: string
  /** Of the bench: `npm run bench -- PART`. */
  readonly part: string
  /** RFC 3339: when that part was measured. */
  readonly at: string
  /** The row of the part's figures: `256 connections`. Empty where there is one alone. */
  readonly row: string
}

/** What the arithmetic rests on. Processor time is in µs, of all threads of the process named. */
export interface Figures {
  /** The gateway's for a vote: read, verified, sent to its shard, answered. */
  readonly gatewayVote: Figure
  /** Ingest's for a vote, with the messages from and to the gateway. */
  readonly ingestVote: Figure
  /** nats-server's for a vote, all its ways: to ingest, into the log, to both readers. */
  readonly natsVote: Figure
  readonly requestBytes: Figure
  /** The processor's, Redis's and ClickHouse's for a vote of the same run: in smaller batches than those of a full log. */
  readonly liveProcessor: Figure
  readonly liveRedis: Figure
  readonly liveClickhouse: Figure
  /** Votes a second between one process of the gateway and one shard, at which the three above were measured. */
  readonly pairRate: Figure
  /** Votes a second that one stream took, each on disk. */
  readonly streamRate: Figure
  /** Votes a second that one broker and its disk took, all streams together. */
  readonly brokerRate: Figure
  /** nats-server's for a vote that is written to one log, and nothing else. */
  readonly copyVote: Figure
  readonly logBytes: Figure
  /** The processor's for a vote, of the tally. */
  readonly tallyVote: Figure
  readonly redisVote: Figure
  /** What Redis holds for a voter, where every number has voted. */
  readonly redisBytes: Figure
  /** The processor's for a row, of the archive. */
  readonly archiveRow: Figure
  /** ClickHouse's for a row, with the merges meanwhile. */
  readonly clickhouseRow: Figure
  /** On ClickHouse's disk, just written: before merges, the most that it is. */
  readonly rowBytes: Figure
  /** The gateway's for one board on one screen. */
  readonly message: Figure
  readonly messageBytes: Figure
  /** Of the boards that were shown. */
  readonly contestants: Figure
  readonly socketKilobytes: Figure
  /** A process of the gateway to which nobody is connected. */
  readonly emptyMegabytes: Figure
  /** The gateway's for a socket and second in which nothing is sent. */
  readonly idleSocket: Figure
  /** Of the part `memory`; undefined: not measured on this machine. */
  readonly memory: MemoryFigures | undefined
}

export interface MemoryFigures {
  /** What ingest holds for a voter of an open event. */
  readonly votedSet: Figure
  /** What nats-server holds for an account. */
  readonly accountIndex: Figure
  readonly accountDisk: Figure
}
