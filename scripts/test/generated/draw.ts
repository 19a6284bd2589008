import fc, { type GeneratorValue } from 'fast-check'

/** What a generator draws from: the same draws for the same seed and path. */
export interface Draw {
  /** From 0 to `below` - 1. */
  number(below: number): number
  pick<T>(list: readonly T[]): T
  /** True in so many of a hundred. */
  chance(percent: number): boolean
  text(lengthMax?: number): string
  bytes(lengthMax: number): Buffer
  /** Anything that JSON can say. */
  json(): unknown
}

const JSON_VALUE = fc.jsonValue({ maxDepth: 3, stringUnit: 'binary' })

export const drawFrom = (value: GeneratorValue): Draw => {
  const number = (below: number): number => value(fc.nat, { max: Math.max(0, below - 1) })
  const draw: Draw = {
    number,
    pick(list) {
      // An empty list is a fault of the generator: the cast lets it be seen where it is used.
      return list[number(list.length)] as (typeof list)[number]
    },
    chance: (percent) => number(100) < percent,
    text: (lengthMax = 40) =>
      number(2) === 0 ? draw.pick(ODD_TEXTS) : value(fc.string, { unit: 'binary', maxLength: lengthMax }),
    bytes: (lengthMax) => Buffer.from(value(fc.uint8Array, { maxLength: lengthMax })),
    json: () => value(() => JSON_VALUE),
  }
  return draw
}

/** Texts that programs stumble over. */
export const ODD_TEXTS: readonly string[] = [
  '',
  ' ',
  '\u0000',
  'a\u0000b',
  '\ud800',
  'a\udc00b',
  '\u202eabc',
  '👩‍👩‍👧‍👦',
  'e\u0301',
  '\u00e9',
  '\ufeffa',
  '\u2028',
  '\uffff',
  'ﬀ'.repeat(64),
  'İ',
  'null',
  '__proto__',
  'constructor',
  '../../etc/passwd',
  '%00',
  '-1',
  '1e400',
  '2026-02-30T00:00:00Z',
  '0000-00-00',
  'a'.repeat(5_000),
  '😀'.repeat(256),
]

export const ODD_NUMBERS: readonly number[] = [
  0,
  -1,
  -0,
  0.5,
  1e308,
  5e-324,
  2 ** 31,
  -(2 ** 31) - 1,
  2 ** 53,
  -(2 ** 53),
  2 ** 64,
  1_001,
]

/** A part of an address; what UTF-8 cannot say is replaced. */
export const inAddress = (text: string): string => encodeURIComponent(Buffer.from(text).toString())
