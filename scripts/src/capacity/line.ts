import type { Figure } from './figures.js'

export const GROUPS = ['Cores', 'Nodes', 'Memory', 'Disk', 'Network'] as const
export type Group = (typeof GROUPS)[number]

/** One thing that it takes. */
export interface Line {
  readonly group: Group
  readonly name: string
  /** null: it was not measured. */
  readonly value: number | null
  /** `bytes` and `bit/s` are shown with a prefix. */
  readonly unit: 'cores' | 'shards' | 'nodes' | 'processes' | 'bytes' | 'bit/s' | 'messages/s'
  /** In the names of options and of the figures below. */
  readonly formula: string
  readonly restsOn: readonly Figure[]
}

/** One that is reached when what is asked for grows. */
export interface Limit {
  readonly component: string
  /** Of what was asked for, votes and viewers alike: so many times as much, with nothing left. */
  readonly multiple: number
  /** What grows with it: votes a second, viewers, or accounts. */
  readonly of: 'votes' | 'viewers' | 'voters'
  readonly formula: string
  /** False where another node does not help. */
  readonly grows: boolean
  /** What helps, or why nothing does. */
  readonly relief: string
  readonly restsOn: readonly Figure[]
}
