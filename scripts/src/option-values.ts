import { parseArgs } from 'node:util'

/** Options of a command as they were written, by name. */
export type OptionValues = Readonly<Record<string, string | boolean | undefined>>

interface OptionNames {
  /** Each has a value behind it. */
  readonly texts: readonly string[]
  /** They stand alone; `--help`, or `-h`, is always one. */
  readonly flags?: readonly string[]
}

/** Reads all, and adds a sentence to the faults for each that cannot be: so that all are told, not the first one alone. */
export const readOptionValues = (
  args: readonly string[],
  { texts, flags = [] }: OptionNames,
  faults: string[],
): OptionValues => {
  const { values, tokens } = parseArgs({
    args: [...args],
    options: {
      ...Object.fromEntries(texts.map((name) => [name, { type: 'string' } as const])),
      ...Object.fromEntries(flags.map((name) => [name, { type: 'boolean' } as const])),
      help: { type: 'boolean', short: 'h' },
    },
    strict: false,
    tokens: true,
  })
  for (const token of tokens) {
    if (token.kind === 'positional') faults.push(`${token.value}: every value stands behind its option`)
    if (token.kind !== 'option' || token.name === 'help') continue
    if (flags.includes(token.name)) {
      if (token.value !== undefined) faults.push(`${token.rawName} takes no value`)
    } else if (!texts.includes(token.name)) faults.push(`${token.rawName}: there is no such option`)
    else if (token.value === undefined) faults.push(`${token.rawName}: a value is missing`)
  }
  return values as OptionValues
}

export type NumberReader = (
  name: string,
  otherwise: number,
  least: number,
  most: number,
  isWhole?: boolean,
) => number

export const createNumberReader =
  (values: OptionValues, faults: string[]): NumberReader =>
  (name, otherwise, least, most, isWhole = false) => {
    const text = values[name]
    if (typeof text !== 'string') return otherwise
    const value = text.trim() === '' ? Number.NaN : Number(text)
    if (value >= least && value <= most && (!isWhole || Number.isInteger(value))) return value
    faults.push(`--${name} ${text}: must be a ${isWhole ? 'whole ' : ''}number from ${least} to ${most}`)
    return otherwise
  }

export const optionText = (value: string | boolean | undefined): string | undefined =>
  typeof value === 'string' ? value : undefined

/** The address of a gateway. */
export const readUrl = (text: string, faults: string[]): string => {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url && /^https?:$/.test(url.protocol) && url.pathname === '/' && url.search === '') return url.origin
  faults.push(`--url ${text}: must be http:// or https:// with a host, and nothing behind it`)
  return text
}
