import type { Report } from '../report/page.js'

/** A text, a whole number, a switch, or a list of whole numbers. */
export type PartValue = string | number | boolean | readonly number[]

/** What a part of the bench may be told: the type of its default says what is asked for. */
export interface PartOption {
  readonly default: PartValue
  /** Stands for the value in the help: `N`, `LIST`, `NAME`; a switch has none. */
  readonly hint?: string
  readonly about: string
  /** Of a number, and of those in a list; 1 where nothing is said. */
  readonly min?: number
}

export type PartOptions = Readonly<Record<string, PartOption>>

type Value<Default> = Default extends boolean
  ? boolean
  : Default extends number
    ? number
    : Default extends readonly number[]
      ? readonly number[]
      : string

export type PartValues<Options extends PartOptions> = {
  readonly [Name in keyof Options]: Value<Options[Name]['default']>
}

/** Says on the way what was measured. */
export type Say = (text: string) => void

/** What a part measured: for a program, for a terminal and for a page. */
export interface Outcome extends Pick<Report, 'tables' | 'charts' | 'pictures'> {
  readonly figures: unknown
  /** False when what was measured was not right: the command ends with 1. */
  readonly isGood: boolean
}

/** One part of the bench, as `npm run bench -- NAME` finds it. */
export interface Part {
  readonly name: string
  readonly about: string
  readonly options: PartOptions
  /** Its values are those of its options. */
  measure(values: Readonly<Record<string, PartValue>>, say: Say): Promise<Outcome>
}

/** A part whose values have the types of its options' defaults. */
export const definePart = <const Options extends PartOptions>(part: {
  readonly name: string
  readonly about: string
  readonly options: Options
  readonly measure: (values: PartValues<Options>, say: Say) => Promise<Outcome>
}): Part => ({
  ...part,
  // Whoever calls it has read the values by these very options.
  measure: (values, say) => part.measure(values as PartValues<Options>, say),
})
