import type { Pace } from './schedule.js'

/** Where requests go. */
export interface Target {
  readonly host: string
  readonly port: number
  readonly isTls: boolean
}

/** Requests of one kind, which stand together in the results. */
export interface Series {
  readonly name: string
  /** What counts as acknowledged: a status of 200 to 299; of GraphQL, besides, no errors in the answer. */
  readonly success: 'status' | 'graphql'
}

/** What a load process is told. */
export type Order =
  | {
      readonly do: 'prepare'
      readonly target: Target
      readonly series: readonly Series[]
      readonly connections: number
      readonly timeoutMs: number
      readonly pace: Pace
      /** Its requests are those with `index % processes === position`. */
      readonly position: number
      readonly processes: number
      readonly count: number
      /** Closed: after the last request comes the first one again. */
      readonly repeat: boolean
    }
  | ({ readonly do: 'take' } & RequestPack)
  | { readonly do: 'connect' }
  /** At a time of the monotonic clock, milliseconds. */
  | { readonly do: 'start'; readonly atMs: number }

/** Some of the requests that a process sends, in their order, as they go over the wire. */
export interface RequestPack {
  readonly bytes: Uint8Array
  /** Where each one ends. */
  readonly ends: Uint32Array
  /** By position in the list of series. */
  readonly series: Uint8Array
}

/** What a load process tells. */
export type News =
  | { readonly is: 'ready' }
  | ({ readonly is: 'samples' } & Samples)
  | ({ readonly is: 'done' } & GeneratorUsage)
  | { readonly is: 'broken'; readonly reason: string }

/** Requests that have an outcome, in columns; times in microseconds. */
export interface Samples {
  readonly count: number
  readonly request: Uint32Array
  readonly series: Uint8Array
  /** After the start. Closed, it is when it was sent. */
  readonly intended: Float64Array
  /** From the intended time until the process noticed it: the generator's own lateness. */
  readonly noticedAfter: Uint32Array
  /** From the intended time until it was written to a connection. */
  readonly sentAfter: Uint32Array
  /** From the intended time until it had its outcome. */
  readonly doneAfter: Uint32Array
  /** By position in `outcomes`. */
  readonly outcome: Uint8Array
  /** All that this process has seen so far, in a fixed order. */
  readonly outcomes: readonly Outcome[]
}

export interface Outcome {
  readonly is: 'acknowledged' | 'refused' | 'unanswered' | 'unsent'
  /** `200`, `409 DUPLICATE_VOTE`, `timeout`. */
  readonly code: string
}

/** What a load process took while it sent. */
export interface GeneratorUsage {
  /** Share of the time at the full rate during which its event loop was busy, 0 to 1. */
  readonly busy: number
  /** How late its event loop's timers were at p99, milliseconds. */
  readonly loopDelayP99Ms: number
  readonly cpuSeconds: number
  /** Connections that were lost and opened again. */
  readonly reconnects: number
}
