/** What is asked for, and what is assumed of the machines it runs on. */
export interface Demand {
  /** Votes a second. */
  readonly rate: number
  /** Who look on at once. */
  readonly viewers: number
  /** Registered accounts, each of whom votes once. */
  readonly voters: number
  /** A second, for each viewer. */
  readonly boards: number
  readonly contestants: number
  /** Above 0, up to 1: how busy a core, a disk or a network may be. */
  readonly headroom: number
  /** Copies of the log, of the accounts and of the archive. */
  readonly replicas: number
  readonly coresPerNode: number
  /** GiB of a node that one server may fill. */
  readonly memoryGib: number
  /** Gbit/s of a node's network, in each direction. */
  readonly nicGbits: number
  /** Copies of Redis, the one that is written to included. */
  readonly redisCopies: number
  /** Parts of a board that a shard publishes a second: one in each tick. */
  readonly ticks: number
}
